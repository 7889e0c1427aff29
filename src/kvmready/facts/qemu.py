"""QEMU: the emulator for this architecture, its accelerators, qemu-img, and what guests start with."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Result

TIMEOUT = 30.0

NOT_ASKED = "not asked"
"""Why a fact is Unknown that nobody needed on this host."""

DESCRIPTORS = ("/etc/qemu/firmware", "/usr/share/qemu/firmware")
"""Where firmware is described for libvirt, the first the more important (qemu: docs/interop/firmware.json)."""

FIRMWARE_IMAGES = {
    "x86_64": (
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/qemu/ovmf-x86_64-code.bin",
        "/usr/share/qemu/edk2-x86_64-code.fd",
    ),
    "aarch64": (
        "/usr/share/AAVMF/AAVMF_CODE.fd",
        "/usr/share/edk2/aarch64/QEMU_EFI.fd",
        "/usr/share/qemu/aavmf-aarch64-code.bin",
        "/usr/share/qemu/edk2-aarch64-code.fd",
    ),
}
"""Where distributions put UEFI images, for hosts that describe none: Debian, Fedora, Arch, openSUSE, QEMU's own."""

WITHOUT_UEFI = ("s390x", "ppc64", "ppc64le")
"""Architectures whose guests do not start with UEFI."""

MAX_DESCRIPTORS = 40


class Firmware(NamedTuple):
    """UEFI firmware for guests: the image, and the file that describes it to libvirt (empty where none does)."""

    image: str
    descriptor: str


class Qemu(NamedTuple):
    """What is known of QEMU.

    ``emulator`` and ``image_tool`` are paths. ``accelerators`` are the words of ``-accel help`` (``tcg``, ``kvm``, …);
    Absent without an emulator, Unknown when it gave no list. ``broken`` holds how it ended, with its last words, when
    it was started and ended badly; "" when it was not. ``owners`` are the packages of the emulator and of the files
    that it misses, asked when something is wrong with it.
    """

    emulator: Fact[str]
    accelerators: Fact[tuple[str, ...]]
    image_tool: Fact[str]
    broken: str = ""
    firmware: Fact[Firmware] = Unknown(NOT_ASKED)  # asked unless the profile is minimal
    tpm: Fact[tuple[str, ...]] = Unknown(NOT_ASKED)  # the programs of a guest's TPM; asked unless minimal
    rom: Fact[str] = Unknown(NOT_ASKED)  # the BIOS that guests of a PC start with; asked where there is an emulator
    owners: Fact[tuple[str, ...]] = Unknown(NOT_ASKED)


def program(host: Door, candidates: tuple[str, ...]) -> Fact[str]:
    """The first of ``candidates`` that is a file which somebody may execute."""
    refused: Absent | Denied | Unknown = Absent(", ".join(candidates))
    for path in candidates:
        found = host.stat(path)
        if not found.error:
            if found.kind == "file" and found.mode & 0o111:
                return Known(path)
            refused = Unknown(_("{path}: no executable file").format(path=path))
        elif isinstance(refused, Absent):
            why = missing(found.error, path)
            refused = refused if isinstance(why, Absent) else why
    return refused


def _not_executable(host: Door, candidates: tuple[str, ...]) -> str:
    """The first of ``candidates`` that is a file which nobody may execute; empty where there is none."""
    for path in candidates:
        found = host.stat(path)
        if not found.error and found.kind == "file" and not found.mode & 0o111:
            return path
    return ""


def parse_accelerators(text: str) -> tuple[str, ...]:
    """The accelerators that ``-accel help`` lists, one a line below its headline (qemu: accel/accel-system.c)."""
    words = (line.strip() for line in text.splitlines() if not line.rstrip().endswith(":"))
    return tuple(word for word in words if word and " " not in word)


def from_result(result: Result) -> tuple[Fact[tuple[str, ...]], str]:
    """What ``-accel help`` answered: the accelerators, and how it ended where it broke."""
    if result.ok:
        return Known(parse_accelerators(result.stdout)), ""
    said = " ".join(result.stderr.split())[-400:]
    if result.problem == "absent" or said == "ENOEXEC":
        # The file was there a moment ago: what is missing is its program loader, or it is no whole program (execve(2)).
        broken = said or "ENOENT"
        return Unknown(broken), broken
    if result.problem == "timeout":
        return Unknown(_("No answer within {limit} s. {said}").format(limit=f"{TIMEOUT:.0f}", said=said).strip()), ""
    if result.problem:
        return missing(result.problem, " ".join(result.argv)), ""
    status = result.status or 0
    ended = f"signal {-status}" if status < 0 else f"status {status}"
    broken = f"{ended}: {said}" if said else ended
    return Unknown(broken), broken


def parse_descriptor(text: str, arch: str) -> str:
    """The image of UEFI firmware for ``arch`` that a descriptor names; empty for any other text."""
    import json

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    types, targets = document.get("interface-types"), document.get("targets")
    if not isinstance(types, list) or "uefi" not in types or not isinstance(targets, list):
        return ""
    wanted = {"amd64": "x86_64", "i686": "i386"}.get(arch, arch)
    if not any(isinstance(one, dict) and one.get("architecture") == wanted for one in targets):
        return ""
    mapping = document.get("mapping")
    if not isinstance(mapping, dict):
        return ""
    executable = mapping.get("executable", mapping)  # a flash device has parts, a memory device has one file
    image = executable.get("filename") if isinstance(executable, dict) else None
    return image if isinstance(image, str) and image.startswith("/") else ""


def parse_owners(text: str) -> tuple[str, ...]:
    """The packages in what ``dpkg-query --search`` prints: ``name, name:arch: path``, without diversions."""
    found: set[str] = set()
    for line in text.splitlines():
        names, colon, _path = line.partition(": /")
        if colon and not line.startswith("diversion by "):
            found.update(name.strip() for name in names.split(",") if name.strip() and " " not in name.strip())
    return tuple(sorted(found))


def missing_library(words: str) -> str:
    """The shared library that a program says it cannot load (glibc: elf/dl-load.c), or empty."""
    import re

    found = re.search(r"([\w.+-]+\.so[\w.]*): cannot open shared object", words)
    return found.group(1) if found else ""


def _firmware(host: Door, arch: str) -> Fact[Firmware]:
    named: list[str] = []
    refused: Fact[Firmware] | None = None
    for folder in DESCRIPTORS:
        listing = host.listdir(folder)
        if listing.error and not isinstance(missing(listing.error, folder), Absent):
            refused = missing(listing.error, folder)
        for name in [name for name in listing.names if name.endswith(".json")][:MAX_DESCRIPTORS]:
            image = parse_descriptor(host.read(f"{folder}/{name}", 65536).text, arch)
            if image and not host.stat(image).error:
                return Known(Firmware(image, f"{folder}/{name}"))
            if image:
                named.append(image)
    for image in FIRMWARE_IMAGES.get(arch, ()):
        if not host.stat(image).error:
            return Known(Firmware(image, ""))
    return refused or Absent(" ".join(dict.fromkeys(named)))


def _tpm(host: Door, programs: tuple[str, ...]) -> Fact[tuple[str, ...]]:
    for path in programs:
        found = program(host, (path,))
        if not isinstance(found, Known):
            return found
    return Known(programs)


def _rom(host: Door, candidates: tuple[str, ...]) -> Fact[str]:
    refused: Fact[str] = Absent(" ".join(candidates))
    for path in candidates:
        found = host.stat(path)
        if not found.error:
            return Known(path)
        if not isinstance(missing(found.error, path), Absent):
            refused = missing(found.error, path)
    return refused


def _owners(host: Door, files: tuple[str, ...]) -> Fact[tuple[str, ...]]:
    """Whose files these are, as dpkg knows; some may be nobody's."""
    from kvmready.host.door import Command

    result = host.run(Command(("dpkg-query", "--search", *files), timeout=TIMEOUT))
    if result.problem:
        return missing(result.problem, "dpkg-query")
    names = parse_owners(result.stdout)
    return Known(names) if names else Absent("dpkg-query --search " + " ".join(files))


def ask(host: Door, names: Names, want: Want) -> Callable[[], Qemu]:
    """Begin ``-accel help`` where there is an emulator."""
    emulator = program(host, names.emulators)
    closed = "" if isinstance(emulator, Known) else _not_executable(host, names.emulators)
    running = None
    if closed:
        emulator = Known(closed)
    elif isinstance(emulator, Known):
        from kvmready.host.door import Command

        running = host.begin(Command((emulator.value, "-accel", "help"), timeout=TIMEOUT))
    found = Qemu(emulator, Absent("no emulator"), program(host, names.image_tools))
    arch = host.caller().arch
    if want.profile != "minimal":
        found = found._replace(tpm=_tpm(host, names.tpm))
        if arch not in WITHOUT_UEFI:
            found = found._replace(firmware=_firmware(host, arch))
    if isinstance(emulator, Known) and names.roms:
        found = found._replace(rom=_rom(host, names.roms))

    def answered() -> Qemu:
        if not isinstance(emulator, Known):
            return found
        if running is None:
            broken = _("{path}: no executable file").format(path=closed)
            accelerators: Fact[tuple[str, ...]] = Unknown(broken)
        else:
            accelerators, broken = from_result(running.wait())
        told = found._replace(accelerators=accelerators, broken=broken)
        wrong = [emulator.value] if broken else []
        library = missing_library(broken)
        wrong += [f"*/{library}"] if library else []
        if isinstance(found.rom, Absent):
            wrong += ["*/" + names.roms[0].rpartition("/")[2]]
        return told._replace(owners=_owners(host, tuple(wrong))) if wrong else told

    return answered
