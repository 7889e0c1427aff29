#!/bin/sh
# Gives the private host of stack.sh what a Linux guest needs: the default network, and a kernel of its own release.
# usage, inside of it: linux_stack.sh KERNEL MODULES
set -eu
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
mkdir -p -m 1777 /run/lock
mkdir -p /dev/net
mknod -m 666 /dev/net/tun c 10 200
mkdir -p /run/lib/upper /run/lib/work
mount -t overlay overlay -o lowerdir=/usr/lib,upperdir=/run/lib/upper,workdir=/run/lib/work /usr/lib
mkdir -p "/usr/lib/modules/$(uname -r)"
mount --bind "$2" "/usr/lib/modules/$(uname -r)"
mount -t tmpfs -o mode=755 boot /boot
install -m 644 "$1" "/boot/vmlinuz-$(uname -r)"
mkdir -p /var/lib/libvirt/dnsmasq
virsh -q -c qemu:///system net-start default
