"""What is called the same in all families, and the names for a host whose distribution has no table."""

from __future__ import annotations

from kvmready.facts.names import Names

QEMU_TARGETS = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "i386": "i386",
    "i686": "i386",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "ppc64le": "ppc64",
    "ppc64": "ppc64",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loongarch64",
}
"""uname -m to the target in the name of QEMU's system emulator (qemu: configs/targets/*-softmmu.mak)."""

TPM_PROGRAMS = ("/usr/bin/swtpm", "/usr/bin/swtpm_setup")
"""libvirt: src/util/virtpm.c looks for both (and for swtpm_ioctl, which comes with the first)."""

MONOLITHIC_UNITS = (
    ("services.libvirtd", ("libvirtd.service", "libvirtd.socket", "libvirtd-ro.socket")),
    ("services.virtlogd", ("virtlogd.service", "virtlogd.socket")),
    ("services.virtlockd", ("virtlockd.service", "virtlockd.socket")),
)
"""libvirt: daemons.rst, "Monolithic driver daemon"; virtlogd and virtlockd serve both sets."""

MONOLITHIC = (
    "virtlogd.socket",
    "virtlockd.socket",
    "libvirtd.socket",
    "libvirtd-ro.socket",
    "libvirtd.service",
)
"""What has to be on for libvirtd, in that order."""

WITHOUT_SOCKETS = ("virtlogd.socket", "virtlockd.socket", "libvirtd.service")
"""The same for libvirt of before August 2019, 5.6 or so, whose libvirtd had no socket units yet (told: libvir-list)."""

QEMU_DAEMONS = ("virtqemud", "virtnetworkd", "virtstoraged")
"""The modular daemons without which no guest starts."""

OTHER_DAEMONS = ("virtnodedevd", "virtnwfilterd", "virtsecretd", "virtproxyd")
"""Those without which a part of a guest or of a client fails: devices, filters, secrets, libvirtd's old socket."""


def _sockets(name: str) -> tuple[str, ...]:
    return (f"{name}.socket", f"{name}-ro.socket", f"{name}-admin.socket")


MODULAR = (
    "virtlogd.socket",
    "virtlockd.socket",
    *(socket for name in (*QEMU_DAEMONS, *OTHER_DAEMONS) for socket in _sockets(name)),
)
"""What has to be on for the modular daemons; each daemon starts at the first connection (libvirt: daemons.rst)."""

BOTH_SETS = (("monolithic", MONOLITHIC), ("modular", MODULAR))
"""For distributions that package both; ``libvirt_set`` of the table says which is their own."""

MONOLITHIC_SOCKET = "/run/libvirt/libvirt-sock"
MODULAR_SOCKET = "/run/libvirt/virtqemud-sock"


def emulator_name(arch: str) -> str:
    """The file name of the system emulator for a kernel's architecture (``uname -m``)."""
    return "qemu-system-" + QEMU_TARGETS.get(arch, arch)


ROMS = ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin")
"""SeaBIOS, with which guests of a PC start (package seabios, or QEMU's own copy)."""

PC = ("x86_64", "i386", "i686")


def generic(arch: str) -> Names:
    """The candidates of every family, so that facts still work. Nothing is installed by these names."""
    emulator = emulator_name(arch)
    return Names(
        emulators=(f"/usr/bin/{emulator}", "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm", f"/usr/local/bin/{emulator}"),
        image_tools=("/usr/bin/qemu-img", "/usr/local/bin/qemu-img"),
        virsh=("/usr/bin/virsh", "/usr/local/bin/virsh"),
        virt_install=("/usr/bin/virt-install", "/usr/local/bin/virt-install"),
        daemons=(
            "/usr/sbin/libvirtd",
            "/usr/sbin/virtqemud",
            "/usr/bin/libvirtd",
            "/usr/bin/virtqemud",
        ),
        dnsmasq=("/usr/sbin/dnsmasq", "/usr/bin/dnsmasq"),
        python_folders=(
            "/usr/lib/python3/dist-packages",
            *(f"/usr/{lib}/python3.{minor}/site-packages" for minor in range(14, 8, -1) for lib in ("lib64", "lib")),
        ),
        default_network=("/usr/share/libvirt/networks/default.xml", "/etc/libvirt/qemu/networks/default.xml"),
        pool_path="/var/lib/libvirt/images",
        units=MONOLITHIC_UNITS,
        sockets=(MONOLITHIC_SOCKET, MODULAR_SOCKET),
        qemu_user="qemu",
        qemu_group="qemu",
        kvm_group="kvm",
        libvirt_group="libvirt",
        tpm=TPM_PROGRAMS,
    )
