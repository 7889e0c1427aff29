"""What the kernel offers: lines of real module trees and configuration files in, facts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kvmready.facts import kernel
from kvmready.facts.kernel import Blocked, Cgroup, Iommu
from kvmready.facts.known import Absent, Denied, Fact, Known, Unknown
from kvmready.facts.machine import Dmi, Machine
from kvmready.facts.names import Want
from kvmready.host.replay import ReplayHost
from tests.unit.facts.test_machine import NAMES

RELEASE = "6.1.0-56-cloud-amd64"
TREE = f"/lib/modules/{RELEASE}"

# Lines of that kernel's Debian package, after depmod.
MODULES_DEP = """kernel/arch/x86/kvm/kvm.ko: kernel/virt/lib/irqbypass.ko
kernel/arch/x86/kvm/kvm-amd.ko: kernel/drivers/crypto/ccp/ccp.ko kernel/arch/x86/kvm/kvm.ko
kernel/drivers/net/tun.ko:
kernel/drivers/vhost/vhost_net.ko: kernel/drivers/net/tun.ko kernel/drivers/vhost/vhost.ko
"""
ALIAS_AMD = "alias cpu:type:x86,ven*fam*mod*:feature:*00C2* kvm_amd"

NO_DMI = Dmi(Absent(""), Absent(""), Absent(""))


def cpu(
    flags: tuple[str, ...] = ("svm",), vendor: str = "AuthenticAMD", arch: str = "x86_64", systemd: bool = True
) -> Machine:
    return Machine(
        arch, "vm", "kvm", None, Known(flags), Known(vendor), Known("a CPU"), Known(2), NO_DMI, False, systemd
    )


class Host:
    """A fresh Debian 12 with AMD-V whose answers a test changes before it asks. Paths that are not named are absent."""

    def __init__(self) -> None:
        self.folders: dict[str, tuple[str, ...] | str] = {
            "/sys/module": ("bridge", "kvm", "kvm_amd"),
            "/sys/class/misc": ("fuse", "kvm", "rfkill"),
            "/etc/modprobe.d": (), "/run/modprobe.d": "ENOENT", "/usr/local/lib/modprobe.d": "ENOENT",
            "/usr/lib/modprobe.d": ("aliases.conf", "README"), "/lib/modprobe.d": ("aliases.conf",),
            "/etc/modules-load.d": (), "/run/modules-load.d": "ENOENT", "/usr/local/lib/modules-load.d": "ENOENT",
            "/usr/lib/modules-load.d": (), "/lib/modules": (RELEASE,),
        }  # fmt: skip
        self.files: dict[str, str] = {
            "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro secret=1",
            "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
            f"{TREE}/modules.dep": MODULES_DEP,
            f"{TREE}/modules.builtin": "",
            f"{TREE}/modules.alias": ALIAS_AMD + "\n",
            "/usr/lib/modprobe.d/aliases.conf": "",
            "/sys/module/kvm_amd/parameters/npt": "Y\n",
        }
        self.nodes: dict[str, dict[str, Any]] = {
            "/dev/kvm": {"kind": "character", "mode": 0o660, "gid": 105, "device": [10, 232]},
            "/dev/vhost-net": {"kind": "character", "mode": 0o660, "gid": 105, "device": [10, 238]},
            "/dev/net/tun": {"kind": "character", "mode": 0o666, "device": [10, 200]},
            "/run/udev/control": {"kind": "socket"},
            "/sys/module/kvm/initstate": {"kind": "file"},
            "/sys/module/kvm_amd/initstate": {"kind": "file"},
            "/usr/lib/udev/rules.d/80-drivers.rules": {"kind": "file"},
            f"{TREE}/modules.dep": {"kind": "file"},
        }
        self.commands: dict[str, dict[str, Any]] = {}
        self.errors: dict[str, str] = {}
        self.uid = 0

    def ask(self, machine: Machine | None = None, want: Want | None = None) -> kernel.Kernel:
        known = cpu() if machine is None else machine
        return kernel.ask(_Questions(self), NAMES, want or Want(), lambda: known)()


class _Questions(ReplayHost):
    """A replayed host whose recording is made from a Host when a question comes, so that a table row stays short."""

    def __init__(self, host: Host) -> None:
        super().__init__({"answers": []}, "a test")
        self._host = host

    def _answer(self, asked: Mapping[str, Any]) -> Any:
        host = self._host
        path = asked.get("path", "")
        error = host.errors.get(path, "ENOENT")
        answer: dict[str, Any]
        if asked["ask"] == "caller":
            answer = {
                "uid": host.uid, "groups": [], "user": "root", "sudo_user": "", "hostname": "h", "kernel": RELEASE,
                "arch": "x86_64",
            }  # fmt: skip
        elif asked["ask"] == "group":
            answer = {"name": asked["name"], "gid": 105}
        elif asked["ask"] == "run":
            answer = {"argv": asked["argv"], **host.commands[asked["argv"][0]]}
        elif asked["ask"] == "listdir":
            names = host.folders.get(path, error)
            answer = {"path": path, "error": names} if isinstance(names, str) else {"path": path, "names": list(names)}
        elif asked["ask"] == "stat":
            answer = {"path": path, **(host.nodes.get(path) or {"error": error})}
        elif path not in host.files or path in host.errors:
            answer = {"path": path, "error": error}
        else:
            lines = host.files[path].splitlines(keepends=True)
            needles = asked.get("needles", [""])
            answer = {"path": path, "text": "".join(line for line in lines if any(n in line for n in needles))}
        return ReplayHost({"answers": [{"ask": dict(asked), "answer": answer}]})._answer(asked)


def test_a_healthy_host() -> None:
    found = Host().ask()
    assert found.vendor_module == found.vendor_loaded == "kvm_amd"
    assert found.loaded == Known(("kvm", "kvm_amd"))
    assert found.alive
    assert found.built_in == ()
    assert found.available == Known(("kvm", "kvm_amd", "tun", "vhost_net"))
    assert found.trees == Unknown(kernel.NOT_ASKED)
    assert found.blocked == ()
    assert found.kept == (
        (f"{TREE}/modules.alias", ALIAS_AMD),
        ("/usr/lib/udev/rules.d/80-drivers.rules", "udev loads modules by alias"),
    )
    assert found.words == Known(())
    assert found.udev
    assert isinstance(found.kvm, Known)
    assert (found.kvm.value.mode, found.kvm.value.device) == (0o660, (10, 232))
    assert found.cgroup == Known(Cgroup(2, ("cpu", "cpuset", "io", "memory", "pids")))
    assert found.offers("tun")
    assert found.offers("vhost-net")
    assert found.log == found.iommu == found.nested == found.users == Unknown(kernel.NOT_ASKED)
    assert found.tree == Known(f"{TREE}/modules.dep")
    assert found.second_level == Known(True)


@pytest.mark.parametrize(
    ("count", "known"), [("0\n", Known(0)), ("2\n", Known(2)), ("-1\n", Unknown), ("", Unknown), (None, Absent)]
)
def test_who_uses_the_module_is_asked_when_it_would_be_loaded_again(count: str | None, known: Any) -> None:
    host = Host()
    host.files["/sys/module/kvm_amd/parameters/nested"] = "0\n"
    if count is not None:
        host.files["/sys/module/kvm_amd/refcnt"] = count
    found = kernel.ask(_Questions(host), NAMES, Want(nested=True), cpu)()
    assert found.nested == Known(False)
    assert found.users == known if isinstance(known, Known) else isinstance(found.users, known)


def test_the_loaded_module_tells_of_second_level_translation() -> None:
    host = Host()
    host.folders["/sys/module"] = ("kvm", "kvm_intel")
    host.files["/sys/module/kvm_intel/parameters/ept"] = "N\n"
    assert host.ask(cpu(("vmx",), "GenuineIntel")).second_level == Known(False)


@pytest.mark.parametrize(
    ("node", "rules"),
    [
        ({"mode": 0o600}, Known(())),
        ({"mode": 0o660, "gid": 7}, Known(())),
        ({"mode": 0o666, "gid": 0}, Unknown(kernel.NOT_ASKED)),
        ({"mode": 0o660, "gid": 105}, Unknown(kernel.NOT_ASKED)),
    ],
)
def test_the_rules_are_read_where_the_device_is_wrong(node: dict[str, Any], rules: Any) -> None:
    host = Host()
    host.nodes["/dev/kvm"] = {"kind": "character", "device": [10, 232], **node}
    assert host.ask().kvm_rules == rules
    del host.nodes["/run/udev/control"]
    assert host.ask().kvm_rules == Unknown(kernel.NOT_ASKED)


def test_a_tree_that_is_gone_under_loaded_modules_is_seen() -> None:
    host = Host()
    del host.nodes[f"{TREE}/modules.dep"]
    host.folders["/lib/modules"] = ("6.1.0-57-cloud-amd64",)
    found = host.ask()
    assert isinstance(found.tree, Absent)
    assert found.trees == Known(("6.1.0-57-cloud-amd64",))


def test_a_kernel_with_everything_built_in_is_asked_for_no_module_tree() -> None:
    host = Host()
    host.folders.update({"/sys/module": ("kvm", "kvm_pvm"), "/sys/class/misc": ("kvm", "tun", "vhost-net")})
    host.files = {"/proc/cmdline": "quiet"}
    del host.nodes["/sys/module/kvm/initstate"]
    found = host.ask(cpu(()))
    assert found.vendor_module == "kvm_amd"
    assert found.vendor_loaded == "kvm_pvm"
    assert found.built_in == ("kvm", "kvm_pvm")
    assert found.kept == (("/sys/module/kvm_pvm", "built into the kernel"),)
    assert found.available == Unknown(kernel.NOT_ASKED)
    assert found.cgroup == Absent("/proc/mounts")


def _without_kvm(host: Host) -> None:
    host.folders.update({"/sys/module": ("bridge",), "/sys/class/misc": ("fuse",)})
    del host.nodes["/dev/kvm"]


BY_BIOS = "[    0.9] kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 0"
ROOT_ONLY = {"status": 1, "stderr": "dmesg: read kernel buffer failed: Operation not permitted\n"}
LOGS: list[tuple[dict[str, dict[str, Any]], bool, Fact[tuple[str, ...]]]] = [
    ({"dmesg": {"status": 0, "stdout": f"[ 0.1] Linux\n{BY_BIOS}\n"}}, True, Known((BY_BIOS,))),
    ({"dmesg": {"status": 0, "stdout": "[ 0.1] Linux version 6.1\n"}}, True, Known(())),
    ({"dmesg": ROOT_ONLY}, False, Denied("dmesg: only root may read the kernel log")),
    ({"dmesg": ROOT_ONLY, "journalctl": {"status": 0, "stdout": BY_BIOS}}, True, Known((BY_BIOS,))),
    ({"dmesg": ROOT_ONLY, "journalctl": {"status": 1}}, True, Known(())),
    (
        {"dmesg": ROOT_ONLY, "journalctl": {"status": 1, "stderr": "Hint: You are currently not seeing messages"}},
        True,
        Denied("dmesg: only root may read the kernel log"),
    ),
    ({"dmesg": {"problem": "absent"}, "journalctl": {"problem": "absent"}}, True, Unknown("dmesg: absent")),
    ({"dmesg": {"problem": "timeout"}}, False, Unknown("dmesg: timeout")),
    ({"dmesg": {"status": 127}}, False, Unknown("dmesg: 127")),
]


@pytest.mark.parametrize(("commands", "systemd", "expected"), LOGS)
def test_the_log_is_read_where_kvm_is_not_there(
    commands: dict[str, dict[str, Any]], systemd: bool, expected: Fact[tuple[str, ...]]
) -> None:
    host = Host()
    _without_kvm(host)
    host.commands = commands
    found = host.ask(cpu(systemd=systemd))
    assert found.log == expected
    assert found.vendor_loaded == ""
    assert not found.alive


def test_a_kernel_that_was_updated_has_no_tree_any_more() -> None:
    host = Host()
    _without_kvm(host)
    host.commands = {"dmesg": {"status": 0}}
    del host.files[f"{TREE}/modules.dep"]
    host.folders["/lib/modules"] = ("6.1.0-57-cloud-amd64",)
    found = host.ask()
    assert found.available == Absent(f"{TREE}/modules.dep")
    assert found.trees == Known(("6.1.0-57-cloud-amd64",))
    assert found.kept != ()  # modules.alias is another file of the same tree, and still there


def test_a_file_hides_those_of_the_same_name_in_later_folders() -> None:
    host = Host()
    host.folders.update({"/etc/modprobe.d": ("kvm.conf",), "/usr/lib/modprobe.d": ("kvm.conf", "vbox.conf")})
    host.files.update(
        {
            "/etc/modprobe.d/kvm.conf": "options kvm_amd nested=1\n",
            "/usr/lib/modprobe.d/kvm.conf": "blacklist kvm_amd\n",
            "/usr/lib/modprobe.d/vbox.conf": "blacklist kvm\nblacklist kvm-amd\nblacklist kvm_intel\n",
            "/proc/cmdline": "ro module_blacklist=nouveau,kvm modprobe.blacklist=tun quiet",
        }
    )
    found = host.ask()
    assert found.blocked == (
        Blocked("kvm", "/usr/lib/modprobe.d/vbox.conf", "blacklist kvm", "blacklist"),
        Blocked("kvm_amd", "/usr/lib/modprobe.d/vbox.conf", "blacklist kvm-amd", "blacklist"),
        Blocked("kvm", "/proc/cmdline", "module_blacklist=nouveau,kvm", "kernel"),
        Blocked("tun", "/proc/cmdline", "modprobe.blacklist=tun", "blacklist"),
    )
    assert [one.line for one in found.blocks("kvm_amd")] == ["blacklist kvm-amd", "module_blacklist=nouveau,kvm"]
    assert not found.offers("tun")
    assert found.offers("vhost-net")


KEPT = [
    ("/etc/modules", "# comment\nkvm-amd\n", (("/etc/modules", "kvm-amd"),)),
    ("/etc/modules-load.d/kvm.conf", "kvm_amd\n", (("/etc/modules-load.d/kvm.conf", "kvm_amd"),)),
    ("/etc/modules-load.d/kvm.conf", "#kvm_amd\nkvm_amd_x\n", ()),
]


@pytest.mark.parametrize(("path", "text", "kept"), KEPT)
def test_what_loads_the_module_at_boot(path: str, text: str, kept: tuple[tuple[str, str], ...]) -> None:
    host = Host()
    host.files[path] = text
    host.folders["/etc/modules-load.d"] = ("kvm.conf", "README")
    host.nodes["/etc/udev/rules.d/80-drivers.rules"] = {"kind": "character", "device": [1, 3]}  # switched off
    assert host.ask().kept == kept


def test_without_the_flag_no_alias_asks_for_the_module() -> None:
    assert Host().ask(cpu(())).kept == ()


def test_what_is_wanted_is_asked() -> None:
    host = Host()
    host.folders["/sys/kernel/iommu_groups"] = ("0", "1")
    host.nodes["/sys/firmware/acpi/tables/IVRS"] = {"kind": "file"}
    host.files["/sys/module/kvm_amd/parameters/nested"] = "1\n"
    found = host.ask(want=Want(iommu=True, nested=True))
    assert found.iommu == Known(Iommu(2, "IVRS"))
    assert found.nested == Known(True)
    host.files["/sys/module/kvm_amd/parameters/nested"] = "N\n"
    host.folders["/sys/kernel/iommu_groups"] = "EACCES"
    found = host.ask(want=Want(iommu=True, nested=True))
    assert found.nested == Known(False)
    assert found.iommu == Denied("/sys/kernel/iommu_groups: EACCES")


def test_a_refused_question_is_no_answer() -> None:
    host = Host()
    host.folders.update({"/sys/module": "EACCES", "/sys/class/misc": "EACCES"})
    host.commands = {"dmesg": {"status": 0}}
    host.errors = {"/proc/cmdline": "EPERM", f"{TREE}/modules.dep": "EIO", "/dev/net/tun": "EACCES"}
    del host.nodes["/dev/net/tun"]
    found = host.ask()
    assert found.loaded == Denied("/sys/module: EACCES")
    assert found.registered == Denied("/sys/class/misc: EACCES")
    assert found.words == Denied("/proc/cmdline: EPERM")
    assert found.available == Unknown(f"{TREE}/modules.dep: EIO")
    assert found.tun == Denied("/dev/net/tun: EACCES")
    assert not found.alive
    assert found.vendor_loaded == ""


V1_MOUNTS = """cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""


def test_version_1_controllers_are_those_that_are_mounted() -> None:
    host = Host()
    del host.files["/sys/fs/cgroup/cgroup.controllers"]
    host.files["/proc/mounts"] = V1_MOUNTS
    assert host.ask().cgroup == Known(Cgroup(1, ("cpu", "cpuacct", "memory")))


@pytest.mark.parametrize(
    ("arch", "vendor", "flag", "module"),
    [
        ("x86_64", "GenuineIntel", "", "kvm_intel"),
        ("x86_64", "AuthenticAMD", "vmx", "kvm_intel"),
        ("x86_64", "HygonGenuine", "svm", "kvm_amd"),
        ("x86_64", "Shanghai", "", "kvm_intel"),
        ("x86_64", "", "", ""),
        ("aarch64", "0x41", "", "kvm"),
        ("ppc64le", "", "", "kvm_hv"),
    ],
)
def test_the_module_that_a_cpu_wants(arch: str, vendor: str, flag: str, module: str) -> None:
    assert kernel.vendor_module(arch, vendor, flag) == module


FILE_LINES = [
    ("blacklist kvm_amd", "blacklist"),
    ("  blacklist   kvm-amd", "blacklist"),
    ("install kvm_amd /bin/false", "install"),
    ("install kvm-amd /usr/bin/true", "install"),
    ("alias kvm_amd off", "alias"),
    ("install kvm_amd /sbin/modprobe --ignore-install kvm_amd", ""),
    ("# blacklist kvm_amd", ""),
    ("options kvm_amd nested=0", ""),
    ("blacklist kvm_amd_extra", ""),
    ("blacklist", ""),
]


@pytest.mark.parametrize(("line", "how"), FILE_LINES)
def test_lines_of_modprobe_d(line: str, how: str) -> None:
    found = kernel.blocked_in_file("f", line, ("kvm_amd",))
    assert found == ((Blocked("kvm_amd", "f", line.strip(), how),) if how else ())


def test_the_tree_knows_compressed_modules_and_both_spellings() -> None:
    text = "kernel/arch/x86/kvm/kvm-intel.ko.xz: kernel/arch/x86/kvm/kvm.ko.xz\nupdates/dkms/kvm.ko.zst:\n\nnonsense\n"
    assert kernel.tree_modules(text) == ("kvm", "kvm_intel")


def test_only_what_bears_on_kvm_is_kept_of_the_command_line() -> None:
    text = "ro password=x clearcpuid=vmx kvm-intel.nested=0 intel_iommu=on nomodule modprobe.blacklist=kvm_amd"
    assert kernel.command_line_words(text) == (
        "clearcpuid=vmx", "kvm-intel.nested=0", "intel_iommu=on", "nomodule", "modprobe.blacklist=kvm_amd",
    )  # fmt: skip


@given(st.text(), st.sampled_from(("kvm_amd", "kvm", "tun")))
def test_no_text_makes_a_parser_fail(text: str, module: str) -> None:
    assert all(name for name in kernel.tree_modules(text))
    assert all(one.module == module for one in kernel.blocked_in_file("f", text, (module,)))
    words = kernel.command_line_words(text)
    assert all(one.module == module for one in kernel.blocked_on_command_line(words, (module,)))
    assert all(module in kernel.plain(line) for line in kernel.load_lines(text, module))
    assert all(line.endswith(module) for line in kernel.alias_lines(text, module))
    assert set(kernel.v1_controllers(text)).issubset(kernel.V1_CONTROLLERS)
    assert len(kernel.log_lines(text)) <= kernel.LOG_LINES
