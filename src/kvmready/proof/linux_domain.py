"""The domain of a Linux guest: on the default network, with a serial console, and gone when it ends."""

from __future__ import annotations

from kvmready.typed import NamedTuple, Optional

NETWORK = "default"


class Disk(NamedTuple):
    """One disk of the guest: where it is on the host, and its format, which is never guessed."""

    path: str
    format: str = "raw"
    readonly: bool = False


class Wanted(NamedTuple):
    """What the domain is made of. ``kernel`` and ``initrd`` are paths, with the kernel's ``words``; or its first disk
    starts it.
    """

    name: str
    uuid: str
    accel: str
    memory: int  # MiB
    disks: tuple[Disk, ...]
    kernel: str = ""
    initrd: str = ""
    words: str = ""
    cpu: Optional[str] = None  # libvirt's mode for the CPU; None: QEMU's plain one, which every kernel can start on


def mac_of(name: str) -> str:
    """An address of QEMU's range, always the same for a name, so that killed proofs share one lease."""
    import hashlib

    digits = hashlib.sha256(name.encode()).hexdigest()
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:6]}"


def xml(wanted: Wanted) -> str:
    """The domain's XML. Whatever a path is called, it is one value of one attribute."""
    from xml.sax.saxutils import escape, quoteattr

    # A firmware that finds nothing to start restarts at once, which ends the domain.
    start = "<boot dev='hd'/><bios rebootTimeout='0'/>"
    if wanted.kernel:
        start = (
            f"<kernel>{escape(wanted.kernel)}</kernel><initrd>{escape(wanted.initrd)}</initrd>"
            f"<cmdline>{escape(wanted.words)}</cmdline>"
        )
    cpu = "" if wanted.cpu is None else f"<cpu mode={quoteattr(wanted.cpu)}/>"
    disks = "".join(_disk(disk, f"vd{chr(97 + at)}") for at, disk in enumerate(wanted.disks))
    return f"""<domain type={quoteattr("kvm" if wanted.accel == "kvm" else "qemu")}>
  <name>{escape(wanted.name)}</name>
  <uuid>{wanted.uuid}</uuid>
  <title>kvmready proof; it ends and goes by itself</title>
  <memory unit='MiB'>{wanted.memory}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>{start}</os>
  <features><acpi/></features>
  {cpu}
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <controller type='usb' model='none'/>
    {disks}
    <interface type='network'>
      <mac address='{mac_of(wanted.name)}'/>
      <source network={quoteattr(NETWORK)}/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>
    <serial type='pty'><target port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def _disk(disk: Disk, target: str) -> str:
    from xml.sax.saxutils import quoteattr

    readonly = "<readonly/>" if disk.readonly else ""
    return (
        f"<disk type='file' device='disk'><driver name='qemu' type={quoteattr(disk.format)}/>"
        f"<source file={quoteattr(disk.path)}/><target dev='{target}' bus='virtio'/>{readonly}</disk>"
    )
