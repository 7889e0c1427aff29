#!/bin/sh
# Pid 1 of a private host on this machine: its own libvirtd, with an empty default pool, no network but loopback, and
# no /dev/kvm. Everything that it writes lies in namespaces and temporary file systems that end with it.
# usage: unshare --mount --net --pid --fork --mount-proc --kill-child sh stack.sh FOLDER
set -eu
folder=$1
mount --make-rprivate /
mkdir "$folder/dev" "$folder/etc"

# A /dev without kvm: libvirt would otherwise ask again at each start whether this kernel can do it.
mount -t tmpfs -o mode=755 dev "$folder/dev"
for node in null zero full random urandom tty; do
    touch "$folder/dev/$node"
    mount --bind "/dev/$node" "$folder/dev/$node"
done
mkdir "$folder/dev/pts" "$folder/dev/shm"
mount --bind /dev/pts "$folder/dev/pts"
mount -t tmpfs -o mode=1777 shm "$folder/dev/shm"
ln -s pts/ptmx "$folder/dev/ptmx"
ln -s /proc/self/fd "$folder/dev/fd"
mount --move "$folder/dev" /dev

# Two people: alice may use libvirt and kvm, bob may not.
cp /etc/passwd /etc/group "$folder/etc"
echo 'alice:x:54321:54321::/nonexistent:/bin/sh' >> "$folder/etc/passwd"
echo 'bob:x:54322:54322::/nonexistent:/bin/sh' >> "$folder/etc/passwd"
sed -i -E 's/^((libvirt|kvm):x:[0-9]+:)(.+)$/\1\3,alice/; s/^((libvirt|kvm):x:[0-9]+:)$/\1alice/' "$folder/etc/group"
printf 'alice:x:54321:\nbob:x:54322:\n' >> "$folder/etc/group"
mount --bind "$folder/etc/passwd" /etc/passwd
mount --bind "$folder/etc/group" /etc/group

cp -a /etc/libvirt "$folder/etc/libvirt"
{
    echo 'unix_sock_group = "libvirt"'
    echo 'unix_sock_rw_perms = "0770"'
    echo 'auth_unix_rw = "none"'
} >> "$folder/etc/libvirt/libvirtd.conf"
rm -rf "$folder/etc/libvirt/qemu/networks/autostart"
mount --bind "$folder/etc/libvirt" /etc/libvirt
mount -t tmpfs -o mode=755 run /run
for place in /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mount -t tmpfs -o mode=755 libvirt "$place"
done
# A /tmp of its own; a checkout that lies in the machine's stays visible in it.
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd -P)
mkdir "$folder/tmp"
mount -t tmpfs -o mode=1777 tmp "$folder/tmp"
case $tree in
    /tmp/*)
        mkdir -p "$folder$tree"
        mount --bind "$tree" "$folder$tree"
        ;;
esac
mount --move "$folder/tmp" /tmp
mkdir -p /run/libvirt /var/lib/libvirt/qemu
mkdir -m 711 /var/lib/libvirt/images
ip link set lo up

virtlogd -d
libvirtd -d
virsh -q -c qemu:///system pool-define-as default dir --target /var/lib/libvirt/images > /dev/null
virsh -q -c qemu:///system pool-start default > /dev/null
echo ready
# Not exec: pid 1 has to reap the guests, or libvirtd waits for zombies.
while :; do sleep 3600; done
