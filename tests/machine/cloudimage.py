"""Real disk images for the tests, built from Debian's packages, since no cloud image can be downloaded everywhere.

``cloud()``  Debian 12 with cloud-init, sshd and the guest agent, as a distribution's cloud image is.
``tiny()``   the same kernel with busybox, up in seconds under emulation: an address by DHCP, a web page on port 80 and,
             for tests that want to work in it, a shell on port 2323 (``/data`` is a file system on the disk). Where
             its second disk is a NoCloud seed as ``vm create`` writes it, ssh lets in the user and the keys of that.

Both are qcow2, boot by BIOS and by UEFI, write their console to the serial port, and are kept in the tests' cache.
They are read-only: copy one, or lay an overlay over it. From a shell: ``python3 -m tests.machine.cloudimage``.
"""

from __future__ import annotations

import shlex
import shutil
import struct
from pathlib import Path

from kvmready.guest import cpio
from tests.vm.lab import cache, repo
from tests.vm.lab.cache import command

SUITE = "bookworm"
PACKAGES = (
    "systemd-sysv",
    "udev",
    "dbus",
    "cloud-init",
    "openssh-server",
    "sudo",
    "iproute2",
    "kmod",
    "procps",
    "qemu-guest-agent",
    "linux-image-cloud-amd64",
    "busybox-static",
    "dropbear-bin",
)
TOOLS = ("mmdebstrap", "mkfs.vfat", "mcopy", "syslinux", "qemu-img")
"""What has to be installed to build them, besides systemd-boot-efi."""

MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
EFI_LOADER = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
SECTOR = 512
BOOT_START = 2048
BOOT_SECTORS = 48 * 2048
ROOT_START = BOOT_START + BOOT_SECTORS
SHELL_PORT = 2323

CLOUD_SETUP = """set -eu
printf 'LABEL=root / ext4 defaults,noatime 0 0\\n' > /etc/fstab
printf 'localhost\\n' > /etc/hostname
printf '127.0.0.1 localhost\\n' > /etc/hosts
printf 'datasource_list: [NoCloud, None]\\nssh_genkeytypes: [ed25519]\\napt: {preserve_sources_list: true}\\n' \
    > /etc/cloud/cloud.cfg.d/90-tests.cfg
printf '[Match]\\nName=en* eth*\\n\\n[Network]\\nDHCP=ipv4\\n' > /etc/systemd/network/90-any.network
mkdir -p /etc/systemd/system/systemd-networkd-wait-online.service.d
printf '[Service]\\nExecStart=\\nExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout=60\\n' \
    > /etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf
rm -f /etc/ssh/ssh_host_* /etc/apt/sources.list.d/* /etc/resolv.conf /etc/machine-id
: > /etc/machine-id
systemctl enable systemd-networkd.service ssh.service serial-getty@ttyS0.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer man-db.timer
"""

FIRST = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root /data /www
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
tries=0
until disk=$(/bin/busybox ls /dev/vda2 /dev/sda2 2>/dev/null | /bin/busybox head -n 1) && [ -n "$disk" ]; do
    /bin/busybox sleep 0.1; tries=$((tries+1)); [ $tries -lt 100 ] || exec /bin/busybox sh
done
"""
CLOUD_INIT = (
    FIRST
    + """/bin/busybox mount -t ext4 -o rw,noatime "$disk" /root || exec /bin/busybox sh
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""
)
TINY_INIT = (
    FIRST
    + """/bin/busybox --install -s /bin
export PATH=/bin
mount -t ext4 -o rw,noatime "$disk" /data
ip link set lo up
ip link set eth0 up
echo tiny > /www/index.html
httpd -p 80 -h /www
nc -ll -p 2323 -e /bin/sh &
acpid -f -d -l /dev/null > /dev/null 2>&1 &
udhcpc -i eth0 -s /bin/lease -t 100 -T 1 -q
mkdir /seed
if [ -b /dev/vdb ] && mount -t iso9660 -o ro /dev/vdb /seed; then
    ln -s /data/ssh/lib /lib
    ln -s /data/ssh/lib /lib64
    mkdir -p -m 700 /home/.ssh
    name=$(sed -n 's/^ *"name": "\\([^"]*\\)",*$/\\1/p' /seed/user-data)
    hostname "$(sed -n 's/^ *"hostname": "\\([^"]*\\)",*$/\\1/p' /seed/user-data)"
    sed -n 's/^ *"\\(ssh-[^"]*\\)",*$/\\1/p' /seed/user-data > /home/.ssh/authorized_keys
    echo "$name:x:0:0::/home:/bin/sh" > /etc/passwd
    /data/ssh/dropbear -R -s -p 22
fi
echo "tiny: up at $(cut -d ' ' -f 1 /proc/uptime) s, clocksource \
$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
while :; do sleep 1000 & wait; done
"""
)
LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev eth0
[ -z "$router" ] || ip route add default via "$router"
echo "tiny: address $ip"
"""
POWER = "#!/bin/sh\nsync\numount /data\npoweroff -f\n"

LOADER = {
    "syslinux.cfg": "DEFAULT linux\nPROMPT 0\nTIMEOUT 0\nLABEL linux\nKERNEL vmlinuz\nINITRD initrd\nAPPEND {words}\n",
    "loader/loader.conf": "default linux\ntimeout 0\n",
    "loader/entries/linux.conf": "title linux\nlinux /vmlinuz\ninitrd /initrd\noptions {words}\n",
}


def missing() -> str:
    """What is not installed of what builds the images, "" when nothing is."""
    names = [name for name in TOOLS if shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin") is None]
    return " ".join([*names, *(str(path) for path in (MBR, EFI_LOADER) if not path.exists())])


def cloud() -> Path:
    """A qcow2 image of Debian 12 that waits for a NoCloud seed (volume label ``cidata``)."""
    return _entry("cloudimage") / "cloud.qcow2"


def tiny() -> Path:
    """A qcow2 image of a few megabytes; its kernel loads in a second or two under emulation."""
    return _entry("cloudimage") / "tiny.qcow2"


def kernel() -> tuple[Path, Path]:
    """The kernel of both images by itself, and the folder of its modules (as /lib/modules/VERSION)."""
    entry = _entry("cloudimage")
    return entry / "vmlinuz", next((entry / "modules").iterdir())


def _entry(kind: str) -> Path:
    return cache.entry(kind, cache.key(Path(__file__), Path(cpio.__file__)), _build)


def _build(work: Path) -> None:
    tree, log = work / "tree", work / "build.log"
    (work / "sources.list").write_text(repo.sources(SUITE))
    (work / "setup.sh").write_text(CLOUD_SETUP)
    without = ("doc/*", "man/*", "locale/*", "info/*", "lintian/*")
    command(
        [
            *(cache.as_root() or ["unshare", "--mount"]),  # so that its mounts go with it, also when it is killed
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            "--architectures=amd64",
            f"--include={','.join(PACKAGES)}",
            *(f"--dpkgopt=path-exclude=/usr/share/{one}" for one in without),
            f'--customize-hook=chroot "$1" sh -s < {shlex.quote(str(work / "setup.sh"))}',
            SUITE,
            str(tree),
            str(work / "sources.list"),
        ],
        timeout=1200,
        log=log,
    )
    version = next((tree / "lib/modules").iterdir()).name
    shutil.copyfile(tree / f"boot/vmlinuz-{version}", work / "vmlinuz")
    shutil.copytree(tree / "lib/modules" / version, work / "modules" / version, symlinks=True)
    console = "console=tty0 console=ttyS0,115200"
    _image(work, "cloud", f"root=LABEL=root ro {console}", _first_root(tree, version, CLOUD_INIT), tree, 2048)
    data = work / "data"
    _ssh_server(tree, data / "ssh")
    _image(work, "tiny", f"quiet {console}", _first_root(tree, version, TINY_INIT), data, 64)
    command([*cache.as_root(), "rm", "-rf", "--one-file-system", "--", str(tree)], timeout=120)
    for name in ("sources.list", "setup.sh"):
        (work / name).unlink()


def _ssh_server(tree: Path, folder: Path) -> None:
    """dropbear with its libraries, on the disk: the firmware need not load them."""
    (folder / "lib").mkdir(parents=True)
    shutil.copy(tree / "usr/sbin/dropbear", folder / "dropbear")
    shown = command([*cache.as_root(), "chroot", str(tree), "ldd", "/usr/sbin/dropbear"], timeout=30)
    for word in shown.split():
        if word.startswith("/"):
            found = Path(word).relative_to("/")
            shutil.copy(tree / "usr" / found if (tree / "usr" / found).exists() else tree / found, folder / "lib")


def _first_root(tree: Path, version: str, script: str) -> bytes:
    modules: dict[str, None] = {}
    for name in ("virtio_pci", "virtio_blk", "virtio_net", "button", "evdev", "isofs"):
        shown = command(["/sbin/modprobe", "-d", str(tree), "-S", version, "--show-depends", name], timeout=30)
        modules.update({line.split()[1]: None for line in shown.splitlines() if line.startswith("insmod ")})
    members = [
        cpio.Member("bin"),
        cpio.Member("modules"),
        cpio.Member("etc"),
        cpio.Member("etc/acpi"),
        cpio.Member("etc/dropbear"),
        cpio.Member("etc/acpi/PWRF", cpio.DIRECTORY),
        cpio.Member("etc/acpi/PWRF/00000080", cpio.PROGRAM, POWER.encode()),
        cpio.Member("bin/busybox", cpio.PROGRAM, (tree / "usr/bin/busybox").read_bytes()),
        cpio.Member("bin/sh", 0o120777, b"busybox"),
        cpio.Member("bin/lease", cpio.PROGRAM, LEASE.encode()),
        cpio.Member("init", cpio.PROGRAM, script.encode()),
    ]
    members += [
        cpio.Member(f"modules/{at:02d}.ko", cpio.FILE, Path(path).read_bytes()) for at, path in enumerate(modules)
    ]
    return cpio.archive(members)


def _image(work: Path, name: str, words: str, first_root: bytes, tree: Path, root_mib: int) -> None:
    """Put together ``name``.qcow2: a FAT file system with loaders for BIOS and UEFI, and an ext4 one of ``tree``."""
    raw = work / f"{name}.raw"
    _boot(work, words, first_root)
    with raw.open("wb") as disk:
        disk.write(_partitions(root_mib * 2048))
        disk.seek(BOOT_START * SECTOR)
        disk.write((work / "boot.fat").read_bytes())
        disk.truncate((ROOT_START + root_mib * 2048) * SECTOR + (1 << 20))
    options = f"lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0,offset={ROOT_START * SECTOR}"
    made = ["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-m", "0", "-E", options, "-d", str(tree), str(raw)]
    command([*cache.as_root(), *made, f"{root_mib}M"], timeout=300)
    command(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(work / f"{name}.qcow2")], timeout=300)
    raw.unlink()
    (work / "boot.fat").unlink()


def _boot(work: Path, words: str, first_root: bytes) -> None:
    fat, initrd = work / "boot.fat", work / "initrd"
    initrd.write_bytes(first_root)
    fat.unlink(missing_ok=True)
    sectors = ["-h", str(BOOT_START), "-S", str(SECTOR)]
    command(["/sbin/mkfs.vfat", "-F", "16", "-n", "BOOT", *sectors, "-C", str(fat), str(BOOT_SECTORS // 2)], timeout=60)
    for folder in ("EFI", "EFI/BOOT", "loader", "loader/entries"):
        command(["mmd", "-i", str(fat), f"::{folder}"], timeout=60)
    files = {"vmlinuz": work / "vmlinuz", "initrd": initrd, "EFI/BOOT/BOOTX64.EFI": EFI_LOADER}
    for name, text in LOADER.items():
        files[name] = work / name.replace("/", "-")
        files[name].write_text(text.format(words=words))
    for name, path in files.items():
        command(["mcopy", "-i", str(fat), str(path), f"::{name}"], timeout=60)
    command(["syslinux", "--install", str(fat)], timeout=60)
    for name in LOADER:
        files[name].unlink()
    initrd.unlink()


def _partitions(root_sectors: int) -> bytes:
    """A master boot record: an active EFI system partition, and one for Linux."""
    table = b"".join(
        struct.pack("<B3sB3sII", active, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, size)
        for active, kind, start, size in (
            (0x80, 0xEF, BOOT_START, BOOT_SECTORS),
            (0x00, 0x83, ROOT_START, root_sectors),
        )
    )
    return MBR.read_bytes()[:440].ljust(446, b"\0") + table.ljust(64, b"\0") + b"\x55\xaa"


if __name__ == "__main__":
    print(tiny(), cloud(), sep="\n")
