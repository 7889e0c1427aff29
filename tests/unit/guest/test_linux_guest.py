"""What a Linux guest is made of: the program, its first root, and a disc for cloud-init."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from kvmready.guest import cpio, iso9660, linux_guest
from kvmready.guest.bootsector import expected_witness

SOURCE = Path(linux_guest.__file__).with_name("linux_guest.c")
NONCE, KEY = "0123456789abcdef", 0xBADCAFE


def built(folder: Path) -> Path:
    """The program, compiled as the head of its source says."""
    command = re.search(r"^ \* +(gcc (?:.*\\\n)*.*)$", SOURCE.read_text("utf-8"), re.MULTILINE)
    assert command is not None
    words = shlex.split(command[1].replace("\\\n *", " "))
    target = folder / "built"
    words[words.index("linux_guest.elf")] = str(target)
    words[words.index("linux_guest.c")] = str(SOURCE)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.spawns("a compiler is the only judge of a source")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_the_source_makes_the_program_that_is_shipped(tmp_path: Path) -> None:
    version = subprocess.run(("gcc", "-dumpversion"), capture_output=True, text=True, check=True).stdout
    made = built(tmp_path)
    if version.partition(".")[0].strip() != "12":
        pytest.skip(f"the bytes are those of gcc 12, and this is gcc {version}; it compiles")
    assert made.read_bytes() == linux_guest.program()


def test_the_program_needs_no_library() -> None:
    content = linux_guest.program()
    assert content[:7] == b"\x7fELF\x02\x01\x01"
    assert content[18:20] == b"\x3e\0"
    assert b"/lib" not in content and b".dynamic" not in content


def test_the_disc_is_one() -> None:
    content = iso9660.disc("cidata", {"user-data": b"#cloud-config\n" * 300, "meta-data": b"", "x": b"y"})
    assert len(content) % iso9660.SECTOR == 0
    descriptor = content[16 * 2048 : 17 * 2048]
    assert descriptor[:7] == b"\x01CD001\x01"
    assert descriptor[40:72].rstrip() == b"cidata"
    assert int.from_bytes(descriptor[80:84], "little") == len(content) // 2048
    assert descriptor[881] == 1
    assert len(descriptor) == 2048


@pytest.mark.spawns("another program has to read the disc")
@pytest.mark.skipif(shutil.which("xorriso") is None, reason="needs xorriso")
def test_another_program_reads_the_disc(tmp_path: Path) -> None:
    files = {"user-data": b"#cloud-config\n" * 300, "meta-data": b"instance-id: x\n"}
    disc = tmp_path / "seed.iso"
    disc.write_bytes(iso9660.disc("cidata", files))
    argv = ("xorriso", "-osirrox", "on", "-indev", str(disc), "-extract", "/", str(tmp_path / "out"))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "cidata" in done.stderr
    for name, content in files.items():
        assert (tmp_path / "out" / name).read_bytes() == content


@pytest.mark.spawns("busybox has to unpack the archive")
@pytest.mark.skipif(shutil.which("busybox") is None, reason="needs busybox")
def test_another_program_unpacks_the_first_root(tmp_path: Path) -> None:
    archive = linux_guest.first_root((b"one", b"two!"))
    done = subprocess.run(("busybox", "cpio", "-it"), input=archive, capture_output=True, timeout=60, check=False)
    assert done.stdout.decode().split() == [
        "dev", "proc", "sys", "modules", "dev/console", "init", "modules/00", "modules/01",
    ]  # fmt: skip
    without = cpio.archive([cpio.Member("init", cpio.PROGRAM, linux_guest.program())])
    subprocess.run(("busybox", "cpio", "-i"), input=without, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "init").read_bytes() == linux_guest.program()
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755


@pytest.mark.spawns("the program has to be run")
@pytest.mark.parametrize("compiled", [False, True])
def test_the_program_measures_and_answers_on_the_host(tmp_path: Path, compiled: bool) -> None:
    from kvmready.host.local import LocalHost
    from kvmready.proof import console

    if compiled and shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    program = built(tmp_path) if compiled else tmp_path / "guest"
    if not compiled:
        program.write_bytes(linux_guest.program())
    program.chmod(0o700)
    work = tmp_path / "work"
    work.write_bytes(bytes(linux_guest.SENT))
    argv = (str(program), *linux_guest.words("host", NONCE, KEY, str(work)))
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    said = ""
    try:
        assert process.stdout is not None
        with process.stdout as output:
            while " ready " not in said:
                said += output.readline()
            lines = console.lines(said, NONCE)
            port = console.number(lines, "ready")
            assert port
            host = LocalHost()
            assert host.call("127.0.0.1", port, f"HELLO {NONCE[::-1]}\n", 10).size == 0
            assert host.call("127.0.0.1", port, "HELLO\n", 10).size == 0
            answer = host.call("127.0.0.1", port, f"HELLO {NONCE}\n", 10)
            assert answer.text.startswith(expected_witness(NONCE, KEY, ""))
            assert host.call("127.0.0.1", port, f"SEND {NONCE}\n", 60).size == linux_guest.SENT
            assert host.call("127.0.0.1", port, f"BYE {NONCE}\n", 10).error == ""
            assert process.wait(10) == 0
            assert host.call("127.0.0.1", port, f"HELLO {NONCE}\n", 10).error == "ECONNREFUSED"
    finally:
        process.kill()
        process.wait()
    assert {"cpu", "memory", "disk", "witness"} <= set(lines)
    assert all((console.number(lines, what) or 0) > 0 for what in ("cpu", "memory", "disk"))
