"""Every cause that a finding may name: its layer, who can mend it, and what is wrong in one line.

Ids are stable: a new cause gets a new id, and an id is never used again for something else.
"""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.typed import NamedTuple

KINDS = ("auto", "manual", "either")
"""auto: ``kvmready up`` can mend it. manual: a person, firmware or another machine must. either: it depends."""


class Cause(NamedTuple):
    """One cause. ``title`` is marked for translation and not translated yet."""

    id: str
    layer: str
    kind: str
    title: str


def _layer(name: str) -> str:
    """The layer of an id; the package manager serves QEMU's layer first, the lowest that is made of packages."""
    return {"packages": "qemu"}.get(name, name)


_ALL = (
    ("hardware.cpu-unsupported", "manual", N_("the CPU has no virtualization extension")),
    ("hardware.firmware-disabled", "manual", N_("VT-x or AMD-V is switched off in the firmware")),
    ("hardware.nested-off", "manual", N_("a virtual machine whose host does not pass VT-x or AMD-V on")),
    ("hardware.wsl-nested-off", "manual", N_("WSL without nested virtualization")),
    ("hardware.wsl-1", "manual", N_("WSL 1, which has no Linux kernel")),
    ("hardware.xen-dom0", "manual", N_("a Xen dom0: Xen has the extension, KVM cannot have it")),
    ("hardware.confidential-guest", "manual", N_("a confidential VM (SEV or TDX): KVM cannot run in it")),
    ("hardware.arm-not-el2", "manual", N_("an ARM kernel that was not started at EL2")),
    ("hardware.no-second-level-translation", "manual", N_("guests' memory is slow: no EPT or NPT")),
    ("hardware.guest-escape-risk", "manual", N_("the CPU lets guests read what is not theirs")),
    ("kernel.module-not-loaded", "auto", N_("a KVM module is not loaded")),
    ("kernel.module-not-persistent", "auto", N_("KVM is loaded now, but not after the next boot")),
    ("kernel.module-blacklisted", "either", N_("the configuration forbids a KVM module")),
    ("kernel.modules-missing", "manual", N_("the running kernel has no KVM modules on disk")),
    ("kernel.other-hypervisor", "manual", N_("VirtualBox or VMware holds the CPU's extension")),
    ("kernel.device-missing", "either", N_("/dev/kvm is missing")),
    ("kernel.device-permissions", "auto", N_("/dev/kvm has a wrong owner, group or mode")),
    ("kernel.device-denied-by-container", "manual", N_("a container was not given /dev/kvm")),
    ("kernel.run-fails", "manual", N_("/dev/kvm opens, but no guest runs")),
    ("kernel.degraded", "manual", N_("guests run far below the speed of the CPU")),
    ("kernel.nested-disabled", "auto", N_("guests cannot run guests of their own")),
    ("kernel.vhost-net-missing", "auto", N_("vhost_net is missing: guests' network is slower")),
    ("kernel.tun-missing", "auto", N_("/dev/net/tun is missing: guests get no network")),
    ("kernel.cgroup-missing", "manual", N_("a control group controller is missing")),
    ("kernel.hugepages-missing", "either", N_("fewer huge pages are reserved than are wanted")),
    ("kernel.iommu-off", "manual", N_("the IOMMU is off: no device can be given to a guest")),
    ("kernel.image-unreadable", "manual", N_("the running kernel cannot be lent to a guest")),
    ("qemu.not-installed", "auto", N_("QEMU is not installed for this architecture")),
    ("qemu.no-kvm-accel", "auto", N_("this QEMU was built without KVM")),
    ("qemu.broken", "auto", N_("QEMU is installed, but does not start")),
    ("qemu.img-missing", "auto", N_("qemu-img is not installed")),
    ("qemu.firmware-missing", "auto", N_("there is no UEFI firmware for guests")),
    ("qemu.tpm-missing", "auto", N_("swtpm is missing: guests get no TPM")),
    ("qemu.guest-memory", "manual", N_("a guest's memory cannot be set up")),
    ("qemu.guest-silent", "manual", N_("a guest was started, and does not come up")),
    ("libvirt.not-installed", "auto", N_("libvirt's daemon is not installed")),
    ("libvirt.clients-missing", "auto", N_("virsh or virt-install is not installed")),
    ("libvirt.python-missing", "auto", N_("the system's Python cannot use libvirt")),
    ("libvirt.unreachable", "auto", N_("libvirt's daemon does not answer")),
    ("libvirt.hangs", "manual", N_("virsh gets no answer in time")),
    ("libvirt.refused", "manual", N_("libvirt refuses, for a reason that is not known here")),
    ("libvirt.mixed-daemons", "auto", N_("both sets of libvirt's daemons are on")),
    ("libvirt.partial-modular", "auto", N_("a part of the modular daemons is off")),
    ("libvirt.config-invalid", "manual", N_("a configuration file keeps libvirt from starting")),
    ("libvirt.no-kvm-capability", "auto", N_("libvirt answers, but knows no KVM guests")),
    ("libvirt.exposed", "manual", N_("libvirt can be reached over the network without a login")),
    ("libvirt.graphics-exposed", "manual", N_("guests' screens can be reached over the network")),
    ("libvirt.polkit-denied", "either", N_("polkit does not let the user manage guests")),
    ("libvirt.guest-hangs", "manual", N_("a guest's process does not answer libvirt")),
    ("libvirt.guest-undefined", "manual", N_("a guest that shall start with the host is not there")),
    ("libvirt.guest-no-autostart", "auto", N_("a guest does not start with the host, as it should")),
    ("services.not-running", "auto", N_("a service that is needed does not run")),
    ("services.not-enabled", "auto", N_("a service runs now, but not after the next boot")),
    ("services.masked", "auto", N_("a service was made impossible to start")),
    ("services.failed", "either", N_("a service was started and failed")),
    ("services.no-manager", "manual", N_("no service manager runs here")),
    ("network.default-undefined", "auto", N_("there is no default network")),
    ("network.default-inactive", "auto", N_("the default network is off")),
    ("network.default-no-autostart", "auto", N_("the default network does not start at boot")),
    ("network.subnet-clash", "either", N_("the default network's addresses are in use here")),
    ("network.other-subnet", "manual", N_("the default network is not on the subnet that is wanted")),
    ("network.stale-bridge", "auto", N_("an old virbr0 is in the way")),
    ("network.dnsmasq-missing", "auto", N_("dnsmasq is not installed")),
    ("network.dnsmasq-conflict", "manual", N_("another DNS or DHCP server holds the address")),
    ("network.docker-forward-drop", "auto", N_("Docker's firewall rules cut guests off")),
    ("network.firewall-backend", "either", N_("libvirt cannot use the host's firewall program")),
    ("network.firewall-reloaded", "auto", N_("a firewall reload wiped libvirt's rules")),
    ("network.bridge-helper", "either", N_("QEMU's bridge helper may not use the bridge")),
    ("network.forwarding-off", "auto", N_("the host does not forward guests' packets")),
    ("network.no-address", "manual", N_("a guest gets no address")),
    ("network.guest-unreachable", "manual", N_("a guest does not answer over the network")),
    ("network.interface-missing", "manual", N_("the interface for the bridge is not there")),
    ("network.interface-unfit", "manual", N_("the interface cannot be in a bridge, or is in another")),
    ("network.manager-unknown", "manual", N_("nobody knows which program sets up the interface")),
    ("network.bridge-missing", "either", N_("the bridge that is wanted is not there")),
    ("network.bridge-undefined", "auto", N_("libvirt has no network on the bridge that is wanted")),
    ("storage.pool-missing", "auto", N_("there is no default storage pool")),
    ("storage.pool-inactive", "auto", N_("the default storage pool is off, or does not start at boot")),
    ("storage.pool-elsewhere", "manual", N_("the default storage pool is not where it is wanted")),
    ("storage.path-unreachable", "auto", N_("QEMU's user cannot get to the disk image")),
    ("storage.no-space", "manual", N_("too little room for a guest's disk")),
    ("storage.not-writable", "manual", N_("kvmready's own files cannot be written")),
    ("storage.apparmor-denied", "manual", N_("AppArmor does not let QEMU open the disk image")),
    ("storage.selinux-denied", "manual", N_("SELinux does not let QEMU open the disk image")),
    ("storage.disk-unreadable", "manual", N_("a guest's disk is missing or cannot be read")),
    ("storage.overlay-left", "manual", N_("a guest stands on an overlay that a killed backup left")),
    ("storage.backup-folder", "manual", N_("the folder of the backups is not fit for them")),
    ("storage.backup-busy", "manual", N_("another process works on the backups")),
    ("storage.backup-damaged", "manual", N_("a backup is not what it was when it was made")),
    ("storage.restore-in-the-way", "manual", N_("a guest or a file is where a restored one would go")),
    ("storage.image-download", "manual", N_("a disk image cannot be downloaded")),
    ("storage.image-checksum", "manual", N_("a disk image is not the one that its maker published")),
    ("storage.image-invalid", "manual", N_("a disk image from which no guest can start")),
    ("access.not-in-kvm-group", "auto", N_("the user may not open /dev/kvm")),
    ("access.not-in-libvirt-group", "auto", N_("the user may not manage the host's guests")),
    ("access.session-stale", "manual", N_("the session is older than the user's groups")),
    ("access.session-uri", "either", N_("the user's tools look at the wrong libvirt")),
    ("access.no-such-user", "manual", N_("there is no user of that name")),
    ("tools.not-installed", "auto", N_("virt-manager, virt-viewer or cockpit-machines is missing")),
    ("tools.no-display", "manual", N_("a desktop tool without a screen to draw on")),
    ("tools.broken", "manual", N_("a tool is installed, but does not open")),
    ("tools.removed-upstream", "manual", N_("this release does not ship the tool any more")),
    ("tools.no-x-server", "auto", N_("nothing to prove windows with on a host without a screen")),
    ("tools.not-listening", "auto", N_("Cockpit's web page is switched off")),
    ("tools.not-answering", "manual", N_("Cockpit's socket listens, and its page does not come")),
    ("packages.no-candidate", "manual", N_("no repository offers the package")),
    ("packages.manager-busy", "either", N_("another program uses the package manager")),
    ("packages.broken-state", "manual", N_("a package is half installed")),
    ("packages.offline", "manual", N_("no repository answers")),
    ("packages.untrusted", "manual", N_("a signature of the repository is not trusted")),
    ("packages.no-table", "manual", N_("nobody told kvmready what this distribution calls its packages")),
)

CATALOGUE = {name: Cause(name, _layer(name.split(".")[0]), kind, title) for name, kind, title in _ALL}
"""Cause id to cause, in the order of the layers."""
