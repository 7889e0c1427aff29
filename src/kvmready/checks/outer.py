"""What must be done outside of this machine: in its firmware, or at the hypervisor or the cloud that runs it.

Pure tables. Names of keys, menus and switches are not translated: they stand on the screen as they stand here.
"""

from __future__ import annotations

from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

EXTENSIONS = {"vmx": "Intel VT-x", "svm": "AMD-V", "sie": "SIE"}
"""The names under which makers sell what a flag of /proc/cpuinfo stands for."""

INTEL, AMD = ("GenuineIntel", "CentaurHauls", "Shanghai"), ("AuthenticAMD", "HygonGenuine")

_CPU = "Advanced > CPU Configuration"


class Setup(NamedTuple):
    """The firmware setup of one maker: the keys that open it, the menu, and the names of the setting."""

    vendors: tuple[str, ...]  # words of the DMI vendor
    products: tuple[str, ...]  # words of the DMI product, one of which must be there; empty: any
    keys: str
    menu: str
    intel: str
    amd: str


_VT, _SVM = "Intel Virtualization Technology", "SVM Mode"

SETUPS = (
    # Dell support, "Enabling or disabling hardware virtualization on Dell systems"; PowerEdge BIOS reference guide
    Setup(("dell",), ("poweredge",), "F2", "System BIOS > Processor Settings", "Virtualization Technology",
          "Virtualization Technology"),
    Setup(("dell",), (), "F2", "Virtualization Support (older: Virtualization)",
          "Intel Virtualization Technology (VT)", "AMD-V Technology"),
    # HPE, "UEFI System Utilities User Guide": BIOS/Platform Configuration
    Setup(("hpe",), (), "F9", "System Configuration > BIOS/Platform Configuration (RBSU) > Virtualization Options",
          "Intel Virtualization Technology (Intel VT)", "AMD Virtualization Technology"),
    Setup(("hp", "hewlett"), ("proliant", "synergy", "apollo"), "F9",
          "System Configuration > BIOS/Platform Configuration (RBSU) > Virtualization Options",
          "Intel Virtualization Technology (Intel VT)", "AMD-V (AMD Virtualization)"),
    # HP support, "Enable Virtualization Technology in the BIOS"
    Setup(("hp", "hewlett"), (), "Esc, F10", "Advanced > System Options (home computers: Configuration)",
          "Virtualization Technology (VTx)", "Virtualization Technology (AMD-V)"),
    # Lenovo support HT500006, "How to enable Virtualization Technology on Lenovo computers"; ThinkSystem UEFI manual
    Setup(("lenovo",), ("thinksystem", "thinkedge"), "F1", "UEFI Setup > System Settings > Processors", _VT, _SVM),
    Setup(("lenovo",), (), "F1, F2, Enter",
          "Security > Virtualization (ThinkPad), Advanced > CPU Setup (ThinkCentre), Configuration (IdeaPad, Legion)",
          "Intel Virtualization Technology", "AMD SVM Technology"),
    # ASUS support, FAQ 1043786 (Intel) and 1038245 (AMD); F7 changes to the Advanced Mode
    Setup(("asus", "asustek"), (), "Del, F2", _CPU, "Intel (VMX) Virtualization Technology", _SVM),
    # MSI support, "How to enable Intel Virtualization / AMD SVM"
    Setup(("msi", "micro-star"), (), "Del", "OC > CPU Features (or Advanced CPU Configuration)",
          "Intel Virtualization Tech", _SVM),
    # GIGABYTE support, FAQ "How to enable virtualization"
    Setup(("gigabyte",), (), "Del", "Tweaker > Advanced CPU Settings (older: BIOS Features, M.I.T.)", _VT, _SVM),
    Setup(("asrock", "asrockrack"), (), "F2, Del", _CPU, _VT, _SVM),
    Setup(("supermicro", "super"), (), "Del", _CPU, "Intel Virtualization Technology (VMX)", _SVM),
    Setup(("acer",), (), "F2, Del", "Advanced (or Main)", "Intel VTX", "SVM Mode (or AMD SVM)"),
    # Intel NUC, "BIOS glossary": Security Features
    Setup(("intel",), (), "F2", "Advanced > Security > Security Features (newer: Advanced > CPU)", _VT, _SVM),
    Setup(("fujitsu",), (), "F2", _CPU, _VT, _SVM),
)  # fmt: skip

KEYS = (("toshiba", "F2"), ("samsung", "F2"), ("sony", "F2, Assist"), ("framework", "F2"))
"""Makers whose key is known, not their menus."""

HYPERVISORS: dict[str, Callable[[], str]] = {
    # AWS, "Use nested virtualization to run hypervisors in Amazon EC2 instances": C8i, M8i, R8i; else .metal
    "amazon": lambda: _(
        "Amazon EC2: use a bare-metal instance (its type ends in .metal), or an instance type that offers nested "
        "virtualization (C8i, M8i, R8i), launched with: --cpu-options NestedVirtualization=enabled"
    ),
    # Google, "Enable nested virtualization" and its "Restrictions": no E2, no AMD, no Arm
    "google": lambda: _(
        "Google Cloud: stop the instance and switch nested virtualization on with --enable-nested-virtualization "
        "(gcloud compute instances create, or advancedMachineFeatures of an existing one). The CPU must be an Intel "
        "Haswell or newer; E2, AMD and Arm types cannot do it."
    ),
    # Microsoft, "Run Hyper-V in a virtual machine with nested virtualization"
    "hyperv": lambda: _(
        "On the Hyper-V host, with this VM switched off: Set-VMProcessor -VMName NAME "
        "-ExposeVirtualizationExtensions $true. On Azure: choose a size that offers nested virtualization "
        "(Dv3, Ev3 or newer)."
    ),
    "azure": lambda: _(
        "Azure: resize this VM to a size that offers nested virtualization (Dv3, Ev3 or newer, Intel or AMD), with the "
        "security type Standard: sizes for confidential VMs and Arm cannot do it."
    ),
    # VMware, "Expose VMware Hardware Assisted Virtualization"
    "vmware": lambda: _(
        "With this VM switched off, in its settings: switch on 'Expose hardware assisted virtualization to the guest "
        'OS\', or put vhv.enable = "TRUE" into its .vmx file. In Workstation and Fusion the setting is called '
        "'Virtualize Intel VT-x/EPT or AMD-V/RVI'."
    ),
    # Oracle VM VirtualBox User Manual, "Nested Virtualization"
    "virtualbox": lambda: _("With this VM switched off, on its host: VBoxManage modifyvm NAME --nested-hw-virt on"),
    # xl.cfg(5)
    "xen": lambda: _("On the Xen host: put nestedhvm=1 into the configuration of this VM and start it again."),
    "parallels": lambda: _(
        "With this VM switched off, in its settings: Hardware, CPU & Memory, Enable nested virtualization."
    ),
    # Apple, VZGenericPlatformConfiguration.isNestedVirtualizationSupported
    "apple": lambda: _(
        "Nested virtualization needs an Apple M3 or newer and macOS 15 or newer on the Mac that runs this VM."
    ),
    # The kernel's Documentation/virt/kvm/x86/running-nested-guests.rst; pve.proxmox.com/wiki/Nested_Virtualization
    "kvm": lambda: _(
        "On the machine that runs this VM: /sys/module/kvm_intel/parameters/nested (or kvm_amd) must say Y or 1, and "
        "the VM's CPU must be passed through: <cpu mode='host-passthrough'/> in virsh edit, qm set VMID --cpu host in "
        "Proxmox, -cpu host in QEMU. At a cloud provider: ask for nested virtualization, or for a bare-metal server."
    ),
    # Nova, "Configuring nested virtualization": [libvirt] cpu_mode
    "openstack": lambda: _(
        "OpenStack: the operator of the compute node must load kvm_intel or kvm_amd with nested=1 and set "
        "cpu_mode=host-passthrough (or host-model) under [libvirt] in nova.conf; then stop and start this VM. "
        "Or use a bare-metal flavor."
    ),
    "alibaba": lambda: _(
        "Alibaba Cloud: ordinary ECS instances do not pass the extension on. Use an ECS Bare Metal Instance (its type "
        "begins with ecs.ebm)."
    ),
    "tencent": lambda: _(
        "Tencent Cloud: ordinary CVM instances do not pass the extension on. Use a Cloud Bare Metal instance (its "
        "type begins with BM)."
    ),
    "huawei": lambda: _(
        "Huawei Cloud: ordinary ECS instances do not pass the extension on. Use a Bare Metal Server (its flavor begins "
        "with physical)."
    ),
    "oracle": lambda: _(
        "Oracle Cloud: choose a VM shape with an Intel or AMD CPU on which nested virtualization is offered, or a "
        "bare-metal shape (its name begins with BM.)."
    ),
    "unknown": lambda: _(
        "Switch nested virtualization on at the hypervisor or the cloud provider that runs this VM, or use a machine "
        "without a hypervisor below it."
    ),
}

PLATFORMS = (
    # word in the DMI vendor, product or asset tag (as cloud-init's ds-identify reads them); key of HYPERVISORS
    ("amazon", "amazon"),
    ("google", "google"),
    ("7783-7084-3265-9085-8269-3286-77", "azure"),
    ("oraclecloud", "oracle"),
    ("alibaba", "alibaba"),
    ("tencent", "tencent"),
    ("huawei", "huawei"),
    ("openstack", "openstack"),
)


def nested(hypervisor: str, words: str) -> str:
    """How the hypervisor or cloud below a VM is told to pass the extension on; ``words``: its DMI strings."""
    low = words.lower()
    key = next((key for word, key in PLATFORMS if word in low), hypervisor)
    return HYPERVISORS.get(key, HYPERVISORS["unknown"])()


def wsl() -> str:
    """The switch of WSL 2: learn.microsoft.com, "Advanced settings configuration in WSL"."""
    return _(
        "On Windows 11: put nestedVirtualization=true under [wsl2] into .wslconfig in your Windows user "
        "folder, then run: wsl --shutdown. Windows 10 cannot do it."
    )


def extension(cpu_vendor: str) -> str:
    """The name of what has to be switched on, with the words that firmware menus use."""
    if cpu_vendor in AMD:
        return "AMD-V (SVM Mode)"
    if cpu_vendor in INTEL:
        return "Intel VT-x (Intel Virtualization Technology, VMX)"
    return "Intel VT-x / AMD-V (Intel Virtualization Technology, SVM Mode)"


def setup_of(vendor: str, product: str) -> Setup | None:
    """The firmware setup of a maker, by the DMI strings."""
    words = vendor.lower().replace(".", " ").replace("(r)", " ").split()
    low = product.lower()
    for setup in SETUPS:
        mine = any(w == own or (len(own) > 3 and w.startswith(own)) for own in setup.vendors for w in words)
        if mine and (not setup.products or any(word in low for word in setup.products)):
            return setup
    return None


def firmware(vendor: str, product: str, cpu_vendor: str) -> str:
    """How a person switches the extension on in this machine's firmware."""
    what = extension(cpu_vendor)
    low = vendor.lower()
    # A restart leaves the lock bit of MSR_IA32_FEAT_CTL and VM_CR as they were on many machines.
    then = _("Save, then switch the power off completely for ten seconds: a restart may not do.")
    if "apple" in low:
        return _(
            "A Mac has no firmware menu. Install its latest macOS, which brings the newest firmware, start macOS once, "
            "then shut the Mac down and start Linux from the boot menu (hold Option while it starts)."
        )
    if "microsoft" in low:
        return (
            _(
                "Hold Volume Up and press the power button to open the Surface UEFI, and look for virtualization; most "
                "models have it always on and show no switch. Install the newest Surface firmware."
            )
            + f" {then}"
        )
    setup = setup_of(vendor, product)
    if setup is not None:
        names = {True: setup.intel, False: setup.amd}
        setting = names[cpu_vendor in INTEL] if cpu_vendor in (*INTEL, *AMD) else f"{setup.intel} / {setup.amd}"
        how = _("Press {keys} while the machine ({vendor}) starts. Go to {menu} and switch on {setting}.").format(
            keys=setup.keys, vendor=vendor, menu=setup.menu, setting=setting
        )
        return f"{how} {then}"
    keys = next((keys for word, keys in KEYS if word in low), "")
    if keys:
        how = _("Press {keys} while the machine ({vendor}) starts.").format(keys=keys, vendor=vendor)
    else:
        how = _("Press the key for the firmware setup while the machine starts (often F2, Del, F10 or F1).")
    where = _("Look under Advanced, CPU Configuration or Security, and switch on {extension}.").format(extension=what)
    return f"{how} {where} {then}"
