"""What the hosts are made of: package lists and the files laid into the tree. Any change makes a new cache key."""

from __future__ import annotations

from typing import NamedTuple

SUITE = "bookworm"

#: Architecture of the hosts, in Debian's words: AMD-V is emulated only for this one.
ARCHITECTURE = "amd64"

#: The fresh host: what an installed Debian server has and the product meets, with no virtualization on it
#: and without python3-venv, which Debian leaves out as well.
BASE_PACKAGES = (
    "systemd-sysv",
    "udev",
    "dbus",
    "libpam-systemd",
    "openssh-server",
    "python3",
    "sudo",
    "iproute2",
    "kmod",
    "procps",
    "busybox-static",
    "linux-image-cloud-amd64",
    "passwd",
    "login",
    "apt",
    "ca-certificates",
    "nftables",
    "dmidecode",
    "netbase",
    "less",
    "apparmor",
)

#: The ready host: the stack, installed by plain apt-get.
STACK_PACKAGES = (
    "qemu-system-x86",
    "qemu-utils",
    "libvirt-daemon-system",
    "libvirt-clients",
    "virtinst",
    "dnsmasq-base",
    "python3-libvirt",
    "ovmf",
    "swtpm-tools",
)

#: What the ready host at native speed has besides: the firewall's programs, ACLs, and the tools it is compared with.
READY_PACKAGES = (
    "iptables",
    "acl",
    "cpu-checker",
    "python3-venv",
)

#: Makes a host with the stack a ready one, as a guide does it by hand.
READY_SCRIPT = """set -eu
virsh -q -c qemu:///system net-start default
virsh -q -c qemu:///system net-autostart default
virsh -q -c qemu:///system pool-define-as default dir --target /var/lib/libvirt/images
virsh -q -c qemu:///system pool-start default
virsh -q -c qemu:///system pool-autostart default
usermod -aG kvm,libvirt alice
"""

#: What else the repository in the host offers; dependencies come along, recommended packages do not.
REPO_PACKAGES = (
    *STACK_PACKAGES,
    "python3-venv",
    "python3-pip-whl",
    "python3-setuptools-whl",
    "cpu-checker",
    "iptables",
    "polkitd",
    "acl",
)

#: Wheels in the repository: what the product installs from the Python index at run time.
WHEELS = ("rich",)

#: Python of the suite, for the choice of wheels.
PYTHON_VERSION = "3.11"

#: Users of every host. Neither has a password; bob may use sudo without one. Both, and root, are reached by key.
USERS = ("alice", "bob")

#: Units that would wait for a network that is not there, or work in the background while a test measures.
MASKED_UNITS = (
    "systemd-networkd-wait-online.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "man-db.timer",
    "motd-news.timer",
)

REPO_DIR = "/repo"


class TreeFile(NamedTuple):
    """A file laid into the tree, owned by root. ``mode`` is the permission bits."""

    path: str
    text: str
    mode: int = 0o644


TREE_FILES = (
    # No fsck pass: a test's disk is an overlay that was cleanly built a moment ago.
    TreeFile("etc/fstab", f"/dev/vda / ext4 defaults,noatime 0 0\n/dev/vdb {REPO_DIR} ext4 ro,noload,nofail 0 0\n"),
    TreeFile("etc/apt/sources.list", f"deb [trusted=yes] file:{REPO_DIR} ./\n"),
    TreeFile("etc/pip.conf", f"[global]\nno-index = true\nfind-links = {REPO_DIR}/wheels\n"),
    TreeFile("etc/sudoers.d/bob", "bob ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440),
    TreeFile("etc/default/locale", "LANG=C.UTF-8\n"),
    TreeFile("etc/hostname", "bookworm\n"),
    TreeFile("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 bookworm\n::1 localhost ip6-localhost ip6-loopback\n"),
    # QEMU's user-mode network: fixed addresses, so that nothing waits for a DHCP answer.
    TreeFile(
        "etc/systemd/network/80-vm.network",
        "[Match]\nDriver=virtio_net\n\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nLinkLocalAddressing=ipv6\n"
        "IPv6AcceptRA=no\n",
    ),
)

#: Run inside the tree, as root, at the end; $1 is the public key.
SETUP_SCRIPT = """set -eu
for user in {users}; do
    useradd --create-home --shell /bin/bash "$user"
    chmod 700 "/home/$user"  # as the installer does
done
for home in /root {homes}; do
    mkdir -p -m 700 "$home/.ssh"
    printf '%s\\n' "$1" > "$home/.ssh/authorized_keys"
    chown -R --reference="$home" "$home/.ssh"
done
# The mirrors belong to the machine that built this; the finished host knows only its own repository.
rm -f /etc/apt/sources.list.d/* /etc/resolv.conf
systemctl enable systemd-networkd.service ssh.service
systemctl mask {masked}
""".format(users=" ".join(USERS), homes=" ".join(f"/home/{user}" for user in USERS), masked=" ".join(MASKED_UNITS))

#: Modules that the first root needs, in order; what they stand on is found by modprobe.
INITRD_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")

#: The first root: loads the modules, writes the host's name, hands over to systemd. ``lab.hostname=`` comes from the
#: kernel's command line.
INIT_SCRIPT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do /bin/busybox sleep 0.1; tries=$((tries+1)); done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /root || exec /bin/busybox sh
for word in $(/bin/busybox cat /proc/cmdline); do
    case $word in
        lab.hostname=*)
            name=${word#lab.hostname=}
            echo "$name" > /root/etc/hostname
            /bin/busybox sed -i "s/^127.0.1.1 .*/127.0.1.1 $name/" /root/etc/hosts ;;
    esac
done
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""
