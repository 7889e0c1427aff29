"""A host of the lab seen from outside: run a command, copy a tree, over ssh. The same for a VM and an nspawn host."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from . import running
from .cache import LabError

#: How ssh reports that it failed itself, not the command. ``exec_argv`` sees to it that a killed command is no 255.
_SSH_FAILED = 255

#: Bytes of a socket's path that sun_path (108) leaves when ssh has added the suffix of its temporary name.
_LONGEST_SOCKET = 85


class Result(NamedTuple):
    """What a command in the host left. ``status`` is its exit status, 128 + N when signal N killed it."""

    argv: tuple[str, ...]
    user: str
    status: int
    stdout: str
    stderr: str
    seconds: float

    def check(self) -> Result:
        """This result, if the command succeeded; raises LabError with all of its words if not."""
        if self.status != 0:
            raise LabError(f"as {self.user}: {shlex.join(self.argv)}\nstatus {self.status}\n{self.stdout}{self.stderr}")
        return self


class Host:
    """One running host, reached at ``address``:``port`` by the base's key. ``directory`` holds its files."""

    def __init__(self, name: str, kind: str, directory: Path, address: str, port: int, key: Path) -> None:
        self.name = name
        self.kind = kind
        self.directory = directory
        self.address = address
        self.port = port
        self.key = key

    def ssh_argv(self, user: str, *, tty: bool = False) -> list[str]:
        """The ssh command line up to, and without, the command.

        Every call is a login of its own, so that it sees new groups; only root's calls share one connection, for speed.
        """
        shared = ["-o", f"ControlPath={self._shared}", "-o", "ControlMaster=no"] if user == "root" else []
        return [
            "ssh",
            "-F",
            "none",
            "-i",
            str(self.key),
            "-p",
            str(self.port),
            "-l",
            user,
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "ConnectTimeout=30",
            "-o",
            "ServerAliveInterval=15",
            "-o",
            "ServerAliveCountMax=8",
            *shared,
            "-tt" if tty else "-T",
            self.address,
        ]

    @property
    def _shared(self) -> Path:
        return self.directory / "root.ssh"

    def share_root_connection(self) -> None:
        """Open the connection that root's later calls share; where its socket's name is too long, each has its own."""
        if len(os.fsencode(self._shared)) > _LONGEST_SOCKET or self._shared.exists():
            return
        argv = self.ssh_argv("root")
        argv[argv.index("ControlMaster=no")] = "ControlMaster=yes"
        # In the background with all three ends closed: nobody waits for its output.
        subprocess.run(
            [*argv[:1], "-N", "-f", *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    def close_root_connection(self) -> None:
        """Close it, before the host goes down."""
        if self._shared.exists():
            argv = self.ssh_argv("root")
            subprocess.run(
                [*argv[:1], "-O", "exit", *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=30,
                check=False,
            )

    def exec_argv(self, argv: Sequence[str], user: str = "root", *, tty: bool = False) -> list[str]:
        """The whole local command line that runs ``argv`` in the host: the one place that quotes for a remote shell.

        The shell stays behind the command, so that a command killed by a signal gives 128 + N and not ssh's own 255.
        """
        return [*self.ssh_argv(user, tty=tty), f"{shlex.join(argv)}; exit $?"]

    def run(
        self,
        argv: Sequence[str],
        user: str = "root",
        timeout: float = 120,
        input: str | None = None,
        *,
        tty: bool = False,
    ) -> Result:
        """Run ``argv`` in a new login of ``user`` and give its result, whatever its exit status.

        ``timeout`` is in seconds. Raises LabError when it is over, or when the host cannot be reached.
        """
        started = time.monotonic()
        with self.popen(argv, user, tty=tty) as child:
            try:
                stdout, stderr = child.communicate(input or "", timeout=timeout)
            except subprocess.TimeoutExpired as error:
                child.kill()
                raise LabError(
                    f"{self.name}: {shlex.join(argv)} did not finish in {timeout:.0f} s\n"
                    f"{_text(error.stdout)}{_text(error.stderr)}{self.last_words()}"
                ) from error
        if child.returncode == _SSH_FAILED:
            raise LabError(f"{self.name}: no answer over ssh: {stdout}{stderr}{self.last_words()}")
        return Result(tuple(argv), user, child.returncode, stdout, stderr, time.monotonic() - started)

    def popen(self, argv: Sequence[str], user: str = "root", *, tty: bool = False) -> subprocess.Popen[str]:
        """Start ``argv`` in a new login of ``user``; the caller ends what it started (text pipes on all three ends)."""
        return subprocess.Popen(
            self.exec_argv(argv, user, tty=tty),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def copy(self, source: Path | str, destination: str, user: str = "root", timeout: float = 120) -> None:
        """Copy a file to ``destination``, or the content of a directory into the directory ``destination``.

        Modes and links are kept, the owner is ``user``; ``.git``, Python's caches and virtual environments stay behind.
        """
        source = Path(source)
        parent = destination if source.is_dir() else str(Path(destination).parent)
        unpack = ["sh", "-c", 'mkdir -p "$1" && tar -x -f - -C "$1" --no-same-owner', "sh", parent]
        with subprocess.Popen(
            self.exec_argv(unpack, user), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            assert child.stdin is not None and child.stderr is not None
            with _killed_after(child, timeout):
                try:
                    with child.stdin, tarfile.open(fileobj=child.stdin, mode="w|") as archive:
                        archive.add(source, "." if source.is_dir() else Path(destination).name, filter=_wanted)
                except BrokenPipeError:
                    pass  # the other end has said why, below
                stderr = child.stderr.read().decode(errors="replace")
                child.wait()
        if child.returncode != 0:
            raise LabError(f"{self.name}: copying {source} to {destination}: status {child.returncode}: {stderr}")

    def read(self, path: str, user: str = "root") -> str:
        """The text of a file in the host. Raises LabError where it cannot be read."""
        return self.run(["cat", "--", path], user).check().stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the host as root, with these permission bits."""
        script = 'cat > "$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "sh", path, f"{mode:o}"], input=text).check()

    def boot_id(self) -> str:
        """Changes with every boot."""
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def wait_for_ssh(self, timeout: float) -> None:
        """Wait until sshd itself greets: an open port alone says nothing, user-mode networking opens it at once."""
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            self.assert_alive()
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 2) as connection:
                connection.settimeout(2)
                if connection.recv(4) == b"SSH-":
                    return
            time.sleep(0.2)
        raise LabError(f"{self.name}: no ssh after {timeout:.0f} s{self.last_words()}")

    def wait_for_system(self, timeout: float = 300, states: Sequence[str] = ("running",)) -> str:
        """Wait until systemd has started everything; give its state, which must be one of ``states``."""
        state = self.run(["systemctl", "is-system-running", "--wait"], timeout=timeout).stdout.strip()
        if state not in states:
            failed = self.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout
            raise LabError(f"{self.name}: the system is {state}:\n{failed}")
        return state

    def go_down(self, verb: str) -> None:
        """Ask systemd for ``reboot`` or ``poweroff``. The answer may never come: the connection goes down as well."""
        with contextlib.suppress(LabError):
            self.run(["systemctl", verb, "--no-block"])
        self.close_root_connection()

    def assert_alive(self) -> None:
        """Raises LabError when the host's process has ended."""
        if not running.is_alive(self.directory):
            raise LabError(f"{self.name} is not running{self.last_words()}")

    def last_words(self) -> str:
        """The end of the console, for error texts."""
        log = self.directory / "console.log"
        if not log.exists():
            return ""
        return "\nconsole: …" + log.read_bytes()[-2000:].decode(errors="replace")

    def save(self, entries: Sequence[str]) -> None:
        """Write down how to reach this host; ``entries`` are the cache entries that it stands on."""
        info = {
            "name": self.name,
            "kind": self.kind,
            "address": self.address,
            "port": self.port,
            "key": str(self.key),
            "entries": list(entries),
        }
        temporary = self.directory / ".info.json"
        temporary.write_text(json.dumps(info, indent=1))
        temporary.rename(self.directory / "info.json")


@contextlib.contextmanager
def _killed_after(child: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill ``child`` when the block takes longer than this."""
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _text(output: bytes | str | None) -> str:
    """What a command had said when its time was over: subprocess gives bytes there, or nothing."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if os.path.basename(member.name) in {".git", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache"}:
        return None
    return member
