"""What kind of machine this is: its CPU, and what it runs on or in (bare metal, VM, container, WSL, Xen dom0).

Read from files only; the order of the questions about containers is that of systemd-detect-virt(1), with the process
namespace as the judge, because a /.dockerenv stays behind when an image becomes the disk of a real machine.
"""

from __future__ import annotations

from kvmready.facts.known import Absent, Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Reading

X86 = ("x86_64", "i686", "i586", "i386")

CPUINFO_LIMIT = 16384
"""Bytes of /proc/cpuinfo that are read: the first CPU's block is below 4 KiB, all blocks can be a megabyte."""

CPUINFO_FLAGS = frozenset(
    ("vmx", "svm", "sie", "hypervisor", "ept", "npt", "vpid", "lm", "smx", "tdx_guest", "sev", "sev_es", "sev_snp")
)
"""The CPU flags that bear on virtualization; the others are left out of the facts."""

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""The namespace of a machine's first process: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h."""


NOT_ASKED = "not asked"
"""Why a fact is Unknown that nobody needed on this host."""

GUEST_WEAKNESSES = ("itlb_multihit", "l1tf", "mds", "mmio_stale_data", "tsx_async_abort", "vmscape")
"""The files of /sys/devices/system/cpu/vulnerabilities about what a guest can do to its host or to another guest
(the kernel's Documentation/admin-guide/hw-vuln)."""


class Dmi(NamedTuple):
    """What the firmware says of the machine, from /sys/class/dmi/id; Absent where there is no DMI."""

    vendor: Fact[str]  # sys_vendor
    product: Fact[str]  # product_name
    bios: Fact[str]  # bios_vendor
    asset: Fact[str] = Unknown(NOT_ASKED)  # chassis_asset_tag; asked in a VM that has no virtualization extension


class Machine(NamedTuple):
    """The machine below the kernel.

    ``kind`` is bare-metal, vm, container or wsl, the innermost where several hold; ``hypervisor`` stays set for a
    container in a VM. The kernel's log about firmware is in ``Kernel.log``.
    """

    arch: str  # uname -m
    kind: str
    hypervisor: str | None  # kvm, vmware, hyperv, xen, virtualbox, zvm, powervm …, unknown; None: no VM
    container: str | None  # docker, podman, lxc, systemd-nspawn, wsl …, unknown; None: no container
    cpu_flags: Fact[tuple[str, ...]]  # those of CPUINFO_FLAGS that the first CPU has, sorted
    cpu_vendor: Fact[str]  # GenuineIntel, AuthenticAMD …; the implementer's number on arm64
    cpu_model: Fact[str]
    cpus: Fact[int]  # online
    dmi: Dmi
    xen_dom0: bool
    systemd: bool  # booted with systemd: sd_booted(3)
    weaknesses: Fact[tuple[tuple[str, str], ...]] = Unknown(NOT_ASKED)  # (file, line); asked on bare metal

    @property
    def virtualization_flag(self) -> str:
        """``vmx``, ``svm`` or ``sie``, or empty when the CPU shows none or its flags are not known."""
        return virtualization_flag(self.cpu_flags)


def virtualization_flag(flags: Fact[tuple[str, ...]]) -> str:
    """``vmx``, ``svm`` or ``sie``, or empty when there is none or the flags are not known."""
    known = flags.value if isinstance(flags, Known) else ()
    return next((flag for flag in ("vmx", "svm", "sie") if flag in known), "")


def cpu_fields(text: str) -> dict[str, str]:
    """The fields of /proc/cpuinfo; the first of a name wins, so that they are those of the first CPU."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def cpu_flags(fields: dict[str, str]) -> Fact[tuple[str, ...]]:
    """The flags that matter. x86 calls the line ``flags``, s390x and arm64 ``features``; POWER has none to show."""
    if fields.get("platform") in ("PowerNV", "pSeries"):
        return Known(())
    for name in ("flags", "features"):
        if name in fields:
            return Known(tuple(sorted(CPUINFO_FLAGS.intersection(fields[name].split()))))
    return Unknown(_("/proc/cpuinfo has no line of flags"))


def cpu_count(text: str) -> int:
    """CPUs in a kernel list such as ``0-3,8``; 0 when it cannot be understood."""
    total = 0
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdigit() and len(end) < 7 for end in ends):
            return 0
        total += max(0, int(ends[1]) - int(ends[0]) + 1)
    return total


_HYPERVISORS = (
    # word in the DMI vendor, product or BIOS vendor; the name that systemd-detect-virt(1) or we give it
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("xen", "xen"),
    ("bhyve", "bhyve"),
    ("parallels", "parallels"),
    ("apple virtualization", "apple"),
    ("hyper-v", "hyperv"),
    ("virtual machine", "hyperv"),  # the product name that Microsoft gives a guest
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("google", "kvm"),
    ("amazon ec2", "kvm"),
    ("openstack", "kvm"),
    ("digitalocean", "kvm"),
    ("alibaba", "kvm"),
)


def hypervisor_by_dmi(words: str) -> str:
    """The hypervisor behind the DMI strings (joined by the caller), or empty. ``.metal`` instances are no guests."""
    words = words.lower()
    if ".metal" in words:
        return ""
    return next((name for word, name in _HYPERVISORS if word in words), "")


def hypervisor_by_clock(text: str) -> str:
    """The hypervisor whose clock the kernel offers as a clock source, or empty."""
    words = text.split()
    if "kvm-clock" in words:
        return "kvm"
    if any(word.startswith("hyperv_clocksource") for word in words):
        return "hyperv"
    return "xen" if "xen" in words else ""


def hypervisor_by_sysinfo(text: str) -> str:
    """What an s390x system runs under by /proc/sysinfo: kvm, zvm, or empty for a partition (LPAR).

    The line is ``VM00 Control Program: z/VM    7.2.0``, of which only the innermost hypervisor writes one
    (the kernel's arch/s390/kernel/sysinfo.c).
    """
    for line in text.splitlines():
        name, _colon, value = line.partition(":")
        if name.startswith("VM00") and name.endswith("Control Program"):
            return (
                "kvm" if value.strip().startswith("KVM") else "zvm" if value.strip().startswith("z/VM") else "unknown"
            )
    return ""


def hypervisor_by_platform(fields: dict[str, str]) -> str | None:
    """What a POWER system runs under by /proc/cpuinfo: kvm, powervm, None for none, empty where it does not say.

    PowerNV is a kernel on the machine itself, pSeries always a guest (the kernel's arch/powerpc/platforms).
    """
    platform, machine = fields.get("platform", ""), fields.get("machine", "").lower()
    if platform == "PowerNV":
        return None
    if platform == "pSeries":
        return "kvm" if "qemu" in machine else "powervm"
    return ""


def container_of(environ: str) -> str:
    """The value of ``container=`` in the environment of process 1 (NUL between assignments), or empty."""
    for assignment in environ.split("\0"):
        name, equals, value = assignment.partition("=")
        if name == "container" and equals:
            return value.strip() or "unknown"
    return ""


def root_is_overlay(mounts: str) -> bool:
    """Whether /proc/self/mounts shows an overlay as the root, as container engines make it."""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 2 and fields[1] == "/" and fields[2] in ("overlay", "aufs", "fuse.fuse-overlayfs"):
            return True
    return False


def _text(reading: Reading, empty: str) -> Fact[str]:
    if reading.error:
        return missing(reading.error, reading.path)
    value = reading.text.strip("\0 \t\r\n")
    return Known(value) if value else Absent(empty)


def _container(host: Door, systemd: bool) -> str | None:
    """Marks of engines first, then who process 1 says it is. None: no container."""
    namespace = host.readlink("/proc/self/ns/pid")
    inside = not namespace.error and namespace.text != INITIAL_PID_NAMESPACE
    marked = ""
    manager = host.read("/run/systemd/container", 256)
    if not manager.error:
        marked = manager.text.strip() or "unknown"
    elif not host.stat("/run/.containerenv").error:
        marked = "podman"
    elif not host.stat("/.dockerenv").error:
        marked = "docker"
    elif inside and not systemd:
        # systemd as process 1 would have written /run/systemd/container. Other environments may hold secrets, so
        # that they are read only where nothing else can tell.
        environ = host.read("/proc/1/environ", 32768)
        marked = "" if environ.error else container_of(environ.text)
    if inside:
        return marked or "unknown"
    if marked and (namespace.error or root_is_overlay(host.grep("/proc/self/mounts", (" / ",)).text)):
        return marked
    return None


def _hypervisor(host: Door, arch: str, fields: dict[str, str], flags: Fact[tuple[str, ...]], dmi: Dmi) -> str | None:
    if arch == "s390x":
        return hypervisor_by_sysinfo(host.read("/proc/sysinfo", 16384).text) or None
    if arch.startswith("ppc64") and hypervisor_by_platform(fields) != "":
        return hypervisor_by_platform(fields)
    words = " ".join(fact.value for fact in dmi if isinstance(fact, Known))
    on_x86 = arch in X86
    if on_x86 and isinstance(flags, Known) and "hypervisor" not in flags.value:
        return None
    found = hypervisor_by_dmi(words)
    if found:
        return found
    xen = host.read("/sys/hypervisor/type", 64)
    if not xen.error and xen.text.strip():
        return xen.text.strip()
    if on_x86:
        clock = host.read("/sys/devices/system/clocksource/clocksource0/available_clocksource", 256)
        found = hypervisor_by_clock(clock.text)
        return found or ("unknown" if isinstance(flags, Known) else None)
    tree = host.read("/proc/device-tree/hypervisor/compatible", 256)
    if tree.error:
        return None
    return "kvm" if "kvm" in tree.text else "xen" if "xen" in tree.text else "unknown"


def ask(host: Door, names: Names, want: Want) -> Callable[[], Machine]:
    """Ask what the machine is. All of it stands in files, so that the answer is there at once."""
    machine = _look(host)
    return lambda: machine


def _look(host: Door) -> Machine:
    caller = host.caller()
    cpuinfo = host.read("/proc/cpuinfo", CPUINFO_LIMIT)
    fields = cpu_fields(cpuinfo.text)
    vendor: Fact[str]
    model: Fact[str]
    if cpuinfo.error:
        flags: Fact[tuple[str, ...]] = missing(cpuinfo.error, "/proc/cpuinfo")
        vendor = model = missing(cpuinfo.error, "/proc/cpuinfo")
    else:
        flags = cpu_flags(fields)
        vendor = _field(fields, ("vendor_id", "cpu implementer", "vendor", "mvendorid"))
        model = _field(fields, ("model name", "cpu part", "cpu", "processor 0", "uarch", "isa"))
    online = host.read("/sys/devices/system/cpu/online", 4096)
    count = 0 if online.error else cpu_count(online.text)
    cpus: Fact[int] = Known(count) if count else Unknown(f"{online.path}: {online.error or online.text.strip()[:40]}")
    dmi = Dmi(
        *(
            _text(host.read(f"/sys/class/dmi/id/{name}", 256), name)
            for name in ("sys_vendor", "product_name", "bios_vendor")
        )
    )
    systemd = host.stat("/run/systemd/system").kind == "directory"
    xen_dom0 = "control_d" in host.read("/proc/xen/capabilities", 256).text
    hypervisor = None if xen_dom0 else _hypervisor(host, caller.arch, fields, flags, dmi)
    container = _container(host, systemd)
    if hypervisor and not virtualization_flag(flags):
        # The clouds that call themselves QEMU or Hyper-V in sys_vendor name themselves here.
        dmi = dmi._replace(asset=_text(host.read("/sys/class/dmi/id/chassis_asset_tag", 256), "chassis_asset_tag"))
    if "microsoft" in caller.kernel.lower():
        kind, container, hypervisor = "wsl", container or "wsl", "hyperv"
    elif container:
        kind = "container"
    else:
        kind = "vm" if hypervisor else "bare-metal"
    known = Machine(caller.arch, kind, hypervisor, container, flags, vendor, model, cpus, dmi, xen_dom0, systemd)
    return known._replace(weaknesses=_weaknesses(host)) if kind == "bare-metal" else known


def _weaknesses(host: Door) -> Fact[tuple[tuple[str, str], ...]]:
    folder = host.listdir("/sys/devices/system/cpu/vulnerabilities")
    if folder.error:
        return missing(folder.error, folder.path)
    found = []
    for name in GUEST_WEAKNESSES:
        if name in folder.names:
            line = host.read(f"{folder.path}/{name}", 512)
            if line.error:
                return missing(line.error, line.path)
            found.append((name, " ".join(line.text.split())))
    return Known(tuple(found))


def _field(fields: dict[str, str], names: tuple[str, ...]) -> Fact[str]:
    for name in names:
        if fields.get(name):
            return Known(fields[name])
    return Unknown(_("/proc/cpuinfo has no {name}").format(name=names[0]))
