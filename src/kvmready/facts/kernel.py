"""What the kernel offers: the KVM modules, what keeps or hinders them, device nodes, cgroups, IOMMU, nesting."""

from __future__ import annotations

from kvmready.facts import udev
from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown, missing
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvmready.facts.machine import Machine
    from kvmready.facts.names import Names, Want
    from kvmready.host.door import Door, Result, Status

NOT_ASKED = "not asked"
"""Why a fact is Unknown that nobody needed on this host."""

VENDOR_MODULES = {
    "GenuineIntel": "kvm_intel",
    "CentaurHauls": "kvm_intel",
    "  Shanghai  ": "kvm_intel",
    "Shanghai": "kvm_intel",
    "AuthenticAMD": "kvm_amd",
    "HygonGenuine": "kvm_amd",
}
"""By the vendor_id of /proc/cpuinfo. Centaur and Shanghai (Zhaoxin) CPUs have VT-x."""

ARCHITECTURE_MODULES = {
    "aarch64": "kvm",
    "s390x": "kvm",
    "riscv64": "kvm",
    "loongarch64": "kvm",
    "ppc64le": "kvm_hv",
    "ppc64": "kvm_hv",
}

OTHER_HYPERVISORS = ("vboxdrv", "vmmon")
"""Modules of hypervisors that take VT-x or AMD-V for themselves: VirtualBox, VMware."""

MODPROBE_FOLDERS = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
"""modprobe.d(5): a file hides those of the same name in later folders."""

LOAD_FOLDERS = (
    "/etc/modules-load.d",
    "/run/modules-load.d",
    "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d",
)
"""modules-load.d(5); a file hides those of the same name in later folders."""

UDEV_MODULE_RULES = (
    "/etc/udev/rules.d/80-drivers.rules",
    "/usr/lib/udev/rules.d/80-drivers.rules",
    "/lib/udev/rules.d/80-drivers.rules",
)
"""The udev rule that loads a module by its device's alias; the first that is there counts."""

LOG_WORDS = (
    "disabled by bios",
    "(by bios)",
    "hyp mode not available",
    "sev guest",
    "memory encryption features active",
    "cpu(s) started at el",
    "kvm: ",
    "kvm_intel: ",
    "kvm_amd: ",
    "kvm [",
    "module kvm",
)
"""What the kernel says when it cannot offer KVM, in lower case (arch/x86/kernel/cpu/{amd,feat_ctl}.c,
arch/x86/kvm/{x86,svm/svm,vmx/vmx}.c, arch/arm64/kvm/arm.c, kernel/module/main.c)."""

LOG_LINES = 40

V1_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "blkio", "devices", "freezer", "pids", "hugetlb")
"""The mount options of version 1 hierarchies that name a controller, as far as they matter to guests."""

SECOND_LEVEL = {"kvm_intel": "ept", "kvm_amd": "npt"}
"""The parameter of a vendor module that says whether the hardware translates guests' addresses."""

_PROBLEMS = ("kernel", "install", "alias")


class Blocked(NamedTuple):
    """A setting that keeps a module from being loaded.

    ``how``: ``blacklist`` (not by alias, so not by itself at boot), ``install`` or ``alias`` (modprobe does nothing),
    ``kernel`` (module_blacklist=: the kernel refuses it).
    """

    module: str
    path: str  # a file under modprobe.d, or /proc/cmdline
    line: str
    how: str


class Cgroup(NamedTuple):
    """The control group hierarchy of the host: version 1 or 2, and the controllers that are mounted, sorted."""

    version: int
    controllers: tuple[str, ...]


class Iommu(NamedTuple):
    """Groups under /sys/kernel/iommu_groups, and the firmware's ACPI table: DMAR (Intel), IVRS (AMD), IORT (ARM)."""

    groups: int
    table: str  # empty when there is none


class Kernel(NamedTuple):
    """The running kernel. Module names are written with underscores, as /sys/module does."""

    release: str  # uname -r
    vendor_module: str  # the module that this CPU wants; empty when its vendor is not known
    loaded: Fact[tuple[str, ...]]  # names in /sys/module that bear on KVM, loaded or built in, sorted
    registered: Fact[tuple[str, ...]]  # which of kvm, tun, vhost-net have a live driver (/sys/class/misc)
    built_in: tuple[str, ...]  # those KVM modules of ``loaded`` that are part of the kernel image
    available: Fact[tuple[str, ...]]  # what the kernel's module tree has of KVM, vhost_net, tun; Absent: no tree
    trees: Fact[tuple[str, ...]]  # the releases under /lib/modules; asked when something is not available
    blocked: tuple[Blocked, ...]
    kept: tuple[tuple[str, str], ...]  # (path, line) of what loads the vendor module at every boot
    words: Fact[tuple[str, ...]]  # the words of the command line that bear on KVM
    udev: bool  # udev runs: /run/udev/control is there
    kvm: Fact[Status]  # /dev/kvm
    vhost_net: Fact[Status]  # /dev/vhost-net
    tun: Fact[Status]  # /dev/net/tun
    cgroup: Fact[Cgroup]
    iommu: Fact[Iommu]  # asked when wanted
    nested: Fact[bool]  # the vendor module's parameter; asked when wanted
    log: Fact[tuple[str, ...]]  # lines with LOG_WORDS; asked when KVM is not alive
    tree: Fact[str] = Unknown(NOT_ASKED)  # the path of the running kernel's modules.dep; Absent: no module tree
    second_level: Fact[bool] = Unknown(NOT_ASKED)  # the loaded vendor module's parameter ept or npt
    kvm_rules: Fact[tuple[tuple[str, str], ...]] = Unknown(NOT_ASKED)  # asked where /dev/kvm has a wrong owner or mode
    users: Fact[int] = Unknown(NOT_ASKED)  # who uses the vendor module now; asked when nesting is wanted and off

    @property
    def alive(self) -> bool:
        """Whether the KVM driver answers: it registers its device only when the hardware's module has started."""
        return isinstance(self.registered, Known) and "kvm" in self.registered.value

    def offers(self, device: str) -> bool:
        """Whether the driver behind ``tun`` or ``vhost-net`` is there, or comes from the module tree when needed."""
        if isinstance(self.registered, Known) and device in self.registered.value:
            return True
        module = plain(device)
        return isinstance(self.available, Known) and module in self.available.value and not self.blocks(module)

    @property
    def vendor_loaded(self) -> str:
        """The KVM module for the hardware that is there (kvm_intel, kvm_amd, kvm_pvm, …), or empty."""
        if not isinstance(self.loaded, Known):
            return ""
        if self.vendor_module in self.loaded.value:
            return self.vendor_module
        return next((name for name in self.loaded.value if name.startswith("kvm_")), "")

    @property
    def other_hypervisors(self) -> tuple[str, ...]:
        """The modules of other hypervisors that are loaded."""
        loaded = self.loaded.value if isinstance(self.loaded, Known) else ()
        return tuple(name for name in OTHER_HYPERVISORS if name in loaded)

    def blocks(self, module: str) -> tuple[Blocked, ...]:
        """The settings that keep ``module`` away. A mere ``blacklist kvm`` does not: kvm comes as a dependency."""
        needed = (module, "kvm") if module.startswith("kvm_") else (module,)
        return tuple(b for b in self.blocked if b.module == module or (b.module in needed and b.how in _PROBLEMS))


def plain(module: str) -> str:
    """A module's name with underscores; both spellings mean the same module."""
    return module.replace("-", "_")


def vendor_module(arch: str, vendor: str, flag: str) -> str:
    """The module that this CPU wants, by its flag or else by who made it; empty when neither tells."""
    if arch in ARCHITECTURE_MODULES:
        return ARCHITECTURE_MODULES[arch]
    return {"vmx": "kvm_intel", "svm": "kvm_amd"}.get(flag) or VENDOR_MODULES.get(vendor, "")


def tree_modules(text: str) -> tuple[str, ...]:
    """The modules that lines of modules.dep (``path: dependencies``) or modules.builtin (``path``) stand for."""
    names = set()
    for line in text.splitlines():
        file = line.partition(":")[0].rpartition("/")[2]
        name, dot, _suffix = file.partition(".ko")
        if name and dot:
            names.add(plain(name.strip()))
    return tuple(sorted(names))


def blocked_in_file(path: str, text: str, modules: Iterable[str]) -> tuple[Blocked, ...]:
    """What a modprobe.d file has against ``modules``: ``blacklist``, ``install M /bin/false``, ``alias M off``."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or plain(words[1]) not in modules:
            continue
        how = ""
        if words[0] == "blacklist":
            how = "blacklist"
        elif words[0] == "install" and len(words) > 2 and words[2].rpartition("/")[2] in ("true", "false", ":"):
            how = "install"
        elif words[0] == "alias" and words[2:3] == ["off"]:
            how = "alias"
        if how:
            found.append(Blocked(plain(words[1]), path, line.strip(), how))
    return tuple(found)


def command_line_words(text: str) -> tuple[str, ...]:
    """The words of a kernel command line that bear on KVM; the others may be none of our business."""
    starts = ("kvm", "clearcpuid=", "intel_iommu=", "amd_iommu=", "iommu=", "nosmx", "novmx")
    return tuple(
        word
        for word in text.split()
        if "blacklist=" in word or plain(word).startswith(starts) or word in ("nomodule", "nomodules")
    )


def blocked_on_command_line(words: Iterable[str], modules: Iterable[str]) -> tuple[Blocked, ...]:
    """module_blacklist= (the kernel refuses) and modprobe.blacklist= (as ``blacklist`` in a file)."""
    found = []
    for word in words:
        name, _equals, value = word.partition("=")
        how = {"module_blacklist": "kernel", "modprobe.blacklist": "blacklist"}.get(name)
        if how:
            named = [plain(module) for module in value.split(",")]
            found += [Blocked(module, "/proc/cmdline", word, how) for module in named if module in modules]
    return tuple(found)


def load_lines(text: str, module: str) -> tuple[str, ...]:
    """The lines of a modules-load.d file or of /etc/modules that name ``module`` (with options, in the latter)."""
    return tuple(line.strip() for line in text.splitlines() if line.split() and plain(line.split()[0]) == module)


def alias_lines(text: str, module: str) -> tuple[str, ...]:
    """The lines of modules.alias by which a CPU's own features ask for ``module`` (MODULE_DEVICE_TABLE(x86cpu, …))."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "alias" and words[1].startswith("cpu:type:") and words[2] == module:
            found.append(line.strip())
    return tuple(found)


def v1_controllers(mounts: str) -> tuple[str, ...]:
    """The controllers of the version 1 hierarchies in /proc/mounts."""
    found: set[str] = set()
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[2] == "cgroup":
            found.update(fields[3].split(","))
    return tuple(sorted(found.intersection(V1_CONTROLLERS)))


def log_lines(text: str) -> tuple[str, ...]:
    """The last LOG_LINES lines of a kernel log that say something of KVM or of firmware that forbids it."""
    lines = []
    # A log has thousands of lines: they become small letters in one go, which adds and takes away no line.
    for line, small in zip(text.splitlines(), text.lower().splitlines()):
        for word in LOG_WORDS:
            if word in small:
                lines.append(line.strip())
                break
    return tuple(lines[-LOG_LINES:])


def _first_of_each_name(host: Door, folders: Iterable[str]) -> tuple[str, ...]:
    paths: dict[str, str] = {}
    for folder in folders:
        for name in host.listdir(folder).names:
            if name.endswith(".conf"):
                paths.setdefault(name, f"{folder}/{name}")
    return tuple(paths.values())


def _status(host: Door, path: str) -> Fact[Status]:
    found = host.stat(path)
    return missing(found.error, path) if found.error else Known(found)


def _available(host: Door, release: str, vendor: str) -> Fact[tuple[str, ...]]:
    tree = f"/lib/modules/{release}"
    names = {"kvm", vendor.replace("_", "-") or "kvm-", "vhost_net", "tun"}
    needles = tuple(f"/{name}.ko" for name in sorted(names))
    loadable = host.grep(f"{tree}/modules.dep", needles)
    if loadable.error:
        return missing(loadable.error, loadable.path)
    found = set(tree_modules(loadable.text))
    if len(found) < len(needles):
        found.update(tree_modules(host.grep(f"{tree}/modules.builtin", needles).text))
    return Known(tuple(sorted(found)))


def _kept(host: Door, release: str, module: str, machine: Machine) -> tuple[tuple[str, str], ...]:
    needles = (module, module.replace("_", "-"))
    for path in ("/etc/modules", *_first_of_each_name(host, LOAD_FOLDERS)):
        lines = load_lines(host.grep(path, needles).text, module)
        if lines:
            return ((path, lines[0]),)
    if not machine.virtualization_flag:
        return ()
    for path in UDEV_MODULE_RULES:
        rule = host.stat(path)
        if rule.error:
            continue
        if rule.kind != "file":  # a link to /dev/null switches the rule off
            return ()
        aliases = host.grep(f"/lib/modules/{release}/modules.alias", (f" {module}",))
        lines = alias_lines(aliases.text, module)
        return ((aliases.path, lines[0]), (path, "udev loads modules by alias")) if lines else ()
    return ()


def _cgroup(host: Door) -> Fact[Cgroup]:
    unified = host.read("/sys/fs/cgroup/cgroup.controllers", 4096)
    if not unified.error:
        return Known(Cgroup(2, tuple(sorted(unified.text.split()))))
    mounts = host.grep("/proc/mounts", (" cgroup ",))
    if mounts.error:
        return missing(mounts.error, "/proc/mounts")
    found = v1_controllers(mounts.text)
    return Known(Cgroup(1, found)) if found else Absent("no control group hierarchy is mounted")


def _iommu(host: Door) -> Fact[Iommu]:
    groups = host.listdir("/sys/kernel/iommu_groups")
    if groups.error and groups.error != "ENOENT":
        return missing(groups.error, groups.path)
    tables = (table for table in ("DMAR", "IVRS", "IORT") if not host.stat(f"/sys/firmware/acpi/tables/{table}").error)
    return Known(Iommu(len(groups.names), next(tables, "")))


def _usable(node: Status, host: Door, group: str) -> bool:
    """Whether everybody may use the device, or the group that is there for it."""
    return node.mode & 0o006 == 0o006 or (node.mode & 0o060 == 0o060 and node.gid == host.group(group).gid)


def _users(host: Door, module: str) -> Fact[int]:
    """How many hold the module: every guest does, and every process that has /dev/kvm open."""
    count = host.read(f"/sys/module/{module}/refcnt", 32)
    if count.error:
        return missing(count.error, count.path)
    text = count.text.strip()
    return Known(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else Unknown(count.path)


def _parameter(host: Door, module: str, name: str) -> Fact[bool]:
    """A parameter of the module that is a yes or a no."""
    parameter = host.read(f"/sys/module/{module}/parameters/{name}", 16)
    if parameter.error:
        return missing(parameter.error, parameter.path)
    value = parameter.text.strip()
    return Known(value in ("Y", "y", "1")) if value else Unknown(_("{path}: empty").format(path=parameter.path))


def _log(host: Door, machine: Machine, answer: Result) -> Fact[tuple[str, ...]]:
    from kvmready.host.door import Command

    if answer.ok:
        return Known(log_lines(answer.stdout))
    refused = answer.problem == "denied" or "not permitted" in answer.stderr
    if machine.systemd:
        pattern = "|".join(word.translate({ord(mark): "\\" + mark for mark in "()["}) for word in LOG_WORDS)
        options = ("-k", "-b", "-q", "--no-pager", "-o", "cat", "-n", str(LOG_LINES), "-g", pattern)
        journal = host.run(Command(("journalctl", *options), timeout=5))
        # Exit status 1 with nothing said: no line matches. What the reader may not see is said on stderr.
        if not journal.problem and journal.status in (0, 1) and not journal.stderr.strip():
            return Known(log_lines(journal.stdout))
    if refused:
        return Denied(_("dmesg: only root may read the kernel log"))
    return Unknown(f"dmesg: {answer.problem or answer.stderr.strip()[:200] or answer.status}")


def ask(host: Door, names: Names, want: Want, machine: Callable[[], Machine]) -> Callable[[], Kernel]:
    """Ask the kernel. ``machine`` answers what the CPU is (see ``facts/machine.py``).

    The kernel log is begun only when KVM is not there; ``available`` and ``trees`` are asked when something is missing.
    """
    from kvmready.host.door import Command

    cpu = machine()
    release = host.caller().kernel
    vendor = cpu.cpu_vendor.value if isinstance(cpu.cpu_vendor, Known) else ""
    wanted = vendor_module(cpu.arch, vendor, cpu.virtualization_flag)
    modules = host.listdir("/sys/module")
    present = tuple(name for name in modules.names if name.startswith("kvm") or name in OTHER_HYPERVISORS)
    loaded: Fact[tuple[str, ...]] = missing(modules.error, modules.path) if modules.error else Known(present)
    drivers = host.listdir("/sys/class/misc")
    registered: Fact[tuple[str, ...]] = Known(tuple(n for n in drivers.names if n in ("kvm", "tun", "vhost-net")))
    if drivers.error:
        registered = missing(drivers.error, drivers.path)
    device = _status(host, "/dev/kvm")
    there = [name for name in present if name == wanted or name.startswith("kvm_")]
    log = None if there and "kvm" in drivers.names else host.begin(Command(("dmesg",), timeout=5))

    kvm_modules = dict.fromkeys([name for name in ("kvm", *there) if name in present])
    built_in = tuple(name for name in kvm_modules if host.stat(f"/sys/module/{name}/initstate").error == "ENOENT")
    vhost_net, tun = _status(host, "/dev/vhost-net"), _status(host, "/dev/net/tun")
    available: Fact[tuple[str, ...]] = Unknown(NOT_ASKED)
    trees: Fact[tuple[str, ...]] = Unknown(NOT_ASKED)
    if not there or not {"vhost-net", "tun"}.issubset(drivers.names):
        available = _available(host, release, wanted)
        if isinstance(available, Absent) or (isinstance(available, Known) and wanted not in available.value):
            kernels = host.listdir("/lib/modules")
            trees = missing(kernels.error, kernels.path) if kernels.error else Known(kernels.names)

    concerned = {"kvm", "vhost_net", "tun", *((wanted,) if wanted else ("kvm_intel", "kvm_amd"))}
    blocked: list[Blocked] = []
    for path in _first_of_each_name(host, MODPROBE_FOLDERS):
        blocked += blocked_in_file(path, host.grep(path, ("kvm", "vhost", "tun")).text, concerned)
    command_line = host.read("/proc/cmdline", 65536)
    words = command_line_words(command_line.text)
    blocked += blocked_on_command_line(words, concerned)

    tree = host.stat(f"/lib/modules/{release}/modules.dep")
    if tree.error == "ENOENT" and isinstance(trees, Unknown):
        kernels = host.listdir("/lib/modules")
        trees = missing(kernels.error, kernels.path) if kernels.error else Known(kernels.names)
    level = next((name for name in there if name in SECOND_LEVEL), "")
    keep = there[0] if there and wanted not in there else wanted
    nested = _parameter(host, keep, "nested") if want.nested and keep else Unknown(NOT_ASKED)
    kept: tuple[tuple[str, str], ...] = ()
    if keep in built_in:
        kept = ((f"/sys/module/{keep}", "built into the kernel"),)
    elif keep:
        kept = _kept(host, release, keep, cpu)
    has_udev = host.stat("/run/udev/control").kind == "socket"
    wrong = has_udev and isinstance(device, Known) and not _usable(device.value, host, names.kvm_group)
    facts = Kernel(
        release=release,
        vendor_module=wanted,
        loaded=loaded,
        registered=registered,
        built_in=built_in,
        available=available,
        trees=trees,
        blocked=tuple(blocked),
        kept=kept,
        words=missing(command_line.error, "/proc/cmdline") if command_line.error else Known(words),
        udev=has_udev,
        kvm=device,
        vhost_net=vhost_net,
        tun=tun,
        cgroup=_cgroup(host),
        iommu=_iommu(host) if want.iommu else Unknown(NOT_ASKED),
        nested=nested,
        log=Unknown(NOT_ASKED),
        kvm_rules=udev.rules(host, "kvm") if wrong else Unknown(NOT_ASKED),
        tree=missing(tree.error, tree.path) if tree.error else Known(tree.path),
        second_level=_parameter(host, level, SECOND_LEVEL[level]) if level else Unknown(NOT_ASKED),
        users=_users(host, keep) if isinstance(nested, Known) and not nested.value else Unknown(NOT_ASKED),
    )
    return lambda: facts if log is None else facts._replace(log=_log(host, cpu, log.wait()))
