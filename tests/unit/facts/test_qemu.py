"""The emulator, found and asked."""

from __future__ import annotations

import pytest

from kvmready.facts import qemu
from kvmready.facts.known import Absent, Denied, Known, Unknown
from kvmready.facts.names import Want
from kvmready.host.door import Listing, Reading, Result, Status
from tests.unit.facts.debian import DESCRIPTOR, DESCRIPTOR_FILE, NAMES, OVMF, Recorded

EMULATOR = NAMES.emulators[0]
ASK = (EMULATOR, "-accel", "help")


def test_a_healthy_host() -> None:
    found = qemu.ask(Recorded().host(), NAMES, Want())()
    assert found == qemu.Qemu(
        Known(EMULATOR),
        Known(("tcg", "kvm")),
        Known("/usr/bin/qemu-img"),
        "",
        Known(qemu.Firmware(OVMF, DESCRIPTOR_FILE)),
        Known(("/usr/bin/swtpm", "/usr/bin/swtpm_setup")),
        Known("/usr/share/seabios/bios-256k.bin"),
    )


def test_nothing_installed_starts_nothing() -> None:
    recorded = Recorded()
    recorded.absent(EMULATOR, "/usr/bin/qemu-img")
    found = qemu.ask(recorded.host(), NAMES, Want())()
    assert isinstance(found.emulator, Absent)
    assert isinstance(found.rom, Unknown)
    assert isinstance(found.accelerators, Absent)
    assert isinstance(found.image_tool, Absent)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status(EMULATOR, error="EACCES"), Denied),
        (Status(EMULATOR, error="EIO"), Unknown),
        (Status(EMULATOR, error="ENOTDIR"), Absent),
        (Status(EMULATOR, "file", 0o644), Unknown),
        (Status(EMULATOR, "directory", 0o755), Unknown),
    ],
)
def test_what_is_no_program(status: Status, kind: type) -> None:
    recorded = Recorded()
    recorded.stat(status)
    assert isinstance(qemu.program(recorded.host(), (EMULATOR,)), kind)


@pytest.mark.parametrize(
    ("result", "accelerators", "broken"),
    [
        (Result(ASK, 0, "Accelerators supported in QEMU binary:\nxen\ntcg\n"), Known(("xen", "tcg")), ""),
        (Result(ASK, 0, "Possible accelerators: kvm, tcg\n"), Known(()), ""),
        (Result(ASK, 127, "", "libfdt.so.1: not found\n"), None, "status 127: libfdt.so.1: not found"),
        (Result(ASK, -11), None, "signal 11"),
        (Result(ASK, None, problem="timeout"), Unknown("No answer within 30 s."), ""),
        (Result(ASK, None, "", "ENOEXEC", "denied"), None, "ENOEXEC"),
        (Result(ASK, None, "", "", "absent"), None, "ENOENT"),
    ],
)
def test_its_answer(result: Result, accelerators: object, broken: str) -> None:
    found, how = qemu.from_result(result)
    assert how == broken
    assert found == (accelerators if accelerators is not None else Unknown(broken))


def test_it_may_not_be_run() -> None:
    found, broken = qemu.from_result(Result(ASK, None, problem="denied"))
    assert isinstance(found, Denied)
    assert broken == ""


FOLDER = DESCRIPTOR_FILE.rpartition("/")[0]


def _with_descriptors(**texts: str) -> Recorded:
    recorded = Recorded()
    recorded.listdir(Listing(FOLDER, tuple(f"{name}.json" for name in texts)))
    for name, text in texts.items():
        recorded.read(Reading(f"{FOLDER}/{name}.json", text))
    for paths in qemu.FIRMWARE_IMAGES.values():
        recorded.absent(*paths)
    recorded.absent("/gone/OVMF.fd")
    return recorded


def test_firmware_that_is_named_must_be_there() -> None:
    gone = DESCRIPTOR.replace(OVMF, "/gone/OVMF.fd")
    recorded = _with_descriptors(a=gone)
    assert qemu.ask(recorded.host(), NAMES, Want())().firmware == Absent("/gone/OVMF.fd")
    recorded = _with_descriptors(a=gone, b=DESCRIPTOR)
    recorded.stat(Status(OVMF, "file", 0o644))
    assert qemu.ask(recorded.host(), NAMES, Want())().firmware == Known(qemu.Firmware(OVMF, f"{FOLDER}/b.json"))


def test_firmware_that_nobody_describes() -> None:
    recorded = _with_descriptors()
    assert qemu.ask(recorded.host(), NAMES, Want())().firmware == Absent("")
    recorded.stat(Status("/usr/share/qemu/edk2-x86_64-code.fd", "file", 0o644))
    found = qemu.ask(recorded.host(), NAMES, Want())().firmware
    assert found == Known(qemu.Firmware("/usr/share/qemu/edk2-x86_64-code.fd", ""))
    recorded = _with_descriptors()
    recorded.listdir(Listing(FOLDER, error="EACCES"))
    assert isinstance(qemu.ask(recorded.host(), NAMES, Want())().firmware, Denied)


@pytest.mark.parametrize(
    ("text", "arch", "image"),
    [
        (DESCRIPTOR, "x86_64", OVMF),
        (DESCRIPTOR, "aarch64", ""),
        (DESCRIPTOR.replace("uefi", "bios"), "x86_64", ""),
        ('{"interface-types": ["uefi"], "mapping": {"device": "memory", "filename": "/f.fd"}, '
         '"targets": [{"architecture": "x86_64"}]}', "x86_64", "/f.fd"),
        ("", "x86_64", ""), ("[]", "x86_64", ""), ("{", "x86_64", ""), ('{"mapping": 1}', "x86_64", ""),
        ('{"interface-types": ["uefi"], "mapping": [], "targets": [{"architecture": "x86_64"}]}', "x86_64", ""),
        ('{"interface-types": ["uefi"], "mapping": {"executable": 1}, "targets": [1, {"architecture": "x86_64"}]}',
         "x86_64", ""),
    ],
)  # fmt: skip
def test_a_descriptor(text: str, arch: str, image: str) -> None:
    assert qemu.parse_descriptor(text, arch) == image


def test_the_minimal_profile_asks_for_no_firmware_and_no_tpm() -> None:
    recorded = Recorded()
    recorded.absent(*NAMES.tpm)
    found = qemu.ask(recorded.host(), NAMES, Want(profile="minimal"))()
    assert isinstance(found.firmware, Unknown) and isinstance(found.tpm, Unknown)


def test_of_a_broken_emulator_the_packages_are_asked() -> None:
    words = f"{EMULATOR}: error while loading shared libraries: liburing.so.2: cannot open shared object file: No such"
    recorded = Recorded()
    recorded.run(Result(ASK, 127, "", words))
    recorded.absent(*NAMES.roms)
    search = ("dpkg-query", "--search", EMULATOR, "*/liburing.so.2", "*/bios-256k.bin")
    said = f"qemu-system-x86: {EMULATOR}\nliburing2:amd64: /usr/lib/x86_64-linux-gnu/liburing.so.2\n"
    recorded.run(Result(search, 1, said, "dpkg-query: no path found matching pattern */bios-256k.bin"))
    assert qemu.ask(recorded.host(), NAMES, Want())().owners == Known(("liburing2:amd64", "qemu-system-x86"))
    recorded.run(Result(search, None, problem="absent"))
    assert isinstance(qemu.ask(recorded.host(), NAMES, Want())().owners, Absent)
    recorded.run(Result(search, 1))
    assert isinstance(qemu.ask(recorded.host(), NAMES, Want())().owners, Absent)


def test_an_emulator_that_nobody_may_execute_is_broken() -> None:
    recorded = Recorded()
    recorded.stat(Status(EMULATOR, "file", 0o644))
    recorded.run(Result(("dpkg-query", "--search", EMULATOR), 0, f"qemu-system-x86: {EMULATOR}\n"))
    found = qemu.ask(recorded.host(), NAMES, Want())()
    assert found.emulator == Known(EMULATOR)
    assert EMULATOR in found.broken and isinstance(found.accelerators, Unknown)
    assert found.owners == Known(("qemu-system-x86",))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, b:amd64: /usr/x\n", ("a", "b:amd64")),
        ("diversion by dash from: /bin/sh\ndiversion by dash to: /bin/sh.distrib\ndash: /bin/sh\n", ("dash",)),
        ("nonsense\n: /x\n", ()),
    ],
)
def test_owners(text: str, names: tuple[str, ...]) -> None:
    assert qemu.parse_owners(text) == names
