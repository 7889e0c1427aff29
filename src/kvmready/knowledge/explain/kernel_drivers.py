"""Explanations of the layer ``kernel``, second half: network devices, control groups, IOMMU and nesting."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Do, Look, Topic, Wrong

TOPICS = {
    "kernel.vhost-net": Topic(
        N_("vhost_net, which carries guests' network traffic in the kernel"),
        (
            N_("A module with the device node /dev/vhost-net."),
            N_("With it the kernel moves a guest's packets itself instead of handing each one to QEMU."),
        ),
        (N_("Guests' networking works without it, but slower and with more CPU."),),
        (
            Look(
                "ls -l /dev/vhost-net",
                "crw-rw---- 1 root kvm 10, 238 Nov 24 09:15 /dev/vhost-net",
                "ls: cannot access '/dev/vhost-net': No such file or directory",
            ),
            Look("lsmod | grep vhost_net", "vhost_net              36864  0", ""),
        ),
        ("modprobe(8)", "https://wiki.archlinux.org/title/KVM"),
    ),
    "kernel.tun": Topic(
        N_("/dev/net/tun, which makes network cards for guests"),
        (
            N_("The driver tun makes network interfaces in software, called tap devices or vnet0, vnet1 and so on."),
            N_("One end is the guest's network card, the other is plugged into a bridge of the host."),
        ),
        (N_("Without it libvirt cannot connect a guest to any network of the host."),),
        (
            Look(
                "ls -l /dev/net/tun",
                "crw-rw-rw- 1 root root 10, 200 Nov 24 09:15 /dev/net/tun",
                "ls: cannot access '/dev/net/tun': No such file or directory",
            ),
        ),
        ("ip-tuntap(8)", "https://docs.kernel.org/networking/tuntap.html"),
    ),
    "kernel.cgroups": Topic(
        N_("Control groups, with which guests are kept within limits"),
        (
            N_("The kernel can count and limit what a group of processes uses; libvirt puts each guest into one."),
            N_("A controller does this for one thing: cpu, cpuset, memory, io (blkio in the older version 1)."),
        ),
        (N_("Guests run without a controller, but their share of that thing cannot be limited or measured."),),
        (
            Look(
                "cat /sys/fs/cgroup/cgroup.controllers",
                "cpuset cpu io memory hugetlb pids rdma misc",
                "cpuset cpu io pids",
                N_("Good: cpuset, cpu, io and memory are all there."),
            ),
        ),
        (
            "cgroups(7)",
            "https://docs.kernel.org/admin-guide/cgroup-v2.html",
            "https://libvirt.org/cgroups.html",
        ),
    ),
    "kernel.iommu": Topic(
        N_("The IOMMU, which lets a guest have a device of the host"),
        (
            N_("A part of the machine that limits which memory a device may touch: Intel VT-d, AMD-Vi, ARM SMMU."),
            N_("The kernel sorts devices into groups; a group is given to one guest as a whole."),
        ),
        (
            N_("Only guests that get a real graphics card, network card or disk controller need it."),
            N_("kvmready asks for it only with --iommu."),
        ),
        (
            Look("ls /sys/kernel/iommu_groups", "0  1  10  11  12  2  3  4  5", "", N_("Bad: an empty list.")),
            Look(
                "# dmesg | grep -iE 'DMAR|AMD-Vi|IOMMU'",
                "DMAR: IOMMU enabled\niommu: Default domain type: Translated",
                "",
            ),
        ),
        (
            "https://docs.kernel.org/driver-api/vfio.html",
            "https://wiki.archlinux.org/title/PCI_passthrough_via_OVMF",
        ),
    ),
    "kernel.nested": Topic(
        N_("Guests that run guests of their own"),
        (
            N_("Nested virtualization: the host passes the CPU's extension on, so that a guest can be a KVM host."),
            N_("A parameter of kvm_intel or kvm_amd allows it; current kernels have it on."),
        ),
        (
            N_("Only guests in which you want to try hypervisors, Android emulators, WSL or the like need it."),
            N_("kvmready asks for it only with --nested."),
        ),
        (
            Look(
                "cat /sys/module/kvm_amd/parameters/nested    # or kvm_intel",
                "1",
                "0",
                N_("Y and N mean the same as 1 and 0."),
            ),
        ),
        ("https://docs.kernel.org/virt/kvm/x86/running-nested-guests.html", "modprobe.d(5)"),
    ),
}

CAUSES = {
    "kernel.nested-disabled": Wrong(
        "kernel.nested",
        (N_("Nested guests were asked for with --nested, and the module was loaded with nested=0."),),
        (
            Do(
                N_("It writes the setting into a file. By hand:"),
                ('# echo "options kvm_amd nested=1" > /etc/modprobe.d/kvm-nested.conf    # or kvm_intel',),
            ),
            Do(
                N_("Shut down all guests, and load the module again; or reboot."),
                ("# modprobe -r kvm_amd", "# modprobe kvm_amd"),
            ),
            Do(
                N_("Then give the guest the host's CPU, in its definition:"),
                ("virsh edit GUEST    # <cpu mode='host-passthrough'/>",),
            ),
        ),
    ),
    "kernel.vhost-net-missing": Wrong(
        "kernel.vhost-net",
        (N_("The module vhost_net is neither loaded nor found when it is needed."),),
        (
            Do(
                N_("It loads the module. By hand, now and at every boot:"),
                ("# modprobe vhost_net", "# echo vhost_net > /etc/modules-load.d/vhost-net.conf"),
            ),
            Do(
                N_(
                    "When modprobe does not find it, this kernel was built without: install the distribution's "
                    "standard kernel."
                )
            ),
        ),
    ),
    "kernel.tun-missing": Wrong(
        "kernel.tun",
        (N_("The driver tun is not there, or its node is missing."),),
        (
            Do(N_("It loads the module. By hand:"), ("# modprobe tun",)),
            Do(
                N_("In a container: start it with the device."),
                ("docker run --device /dev/net/tun --cap-add NET_ADMIN IMAGE",),
            ),
            Do(
                N_("Where the driver is there and only the node is missing:"),
                ("# mkdir -p /dev/net", "# mknod -m 0666 /dev/net/tun c 10 200"),
            ),
        ),
    ),
    "kernel.cgroup-missing": Wrong(
        "kernel.cgroups",
        (
            N_("A controller that libvirt uses is not there: switched off at boot, or not handed to this container."),
            N_("The memory controller is off by default on some boards, such as the Raspberry Pi."),
        ),
        (
            Do(
                N_("Look whether the kernel command line switches it off, and take that out:"),
                ("grep -o 'cgroup_disable=[^ ]*' /proc/cmdline",),
            ),
            Do(
                N_("On a Raspberry Pi put this at the end of the line in /boot/firmware/cmdline.txt, and reboot:"),
                ("| cgroup_enable=memory",),
            ),
            Do(N_("In a container: the machine around it must hand the controllers on (in systemd: Delegate=yes).")),
        ),
    ),
    "kernel.iommu-off": Wrong(
        "kernel.iommu",
        (N_("Device assignment was asked for with --iommu, and the kernel has no IOMMU group."),),
        (
            Do(N_("Switch it on in the firmware setup: Intel VT-d on Intel, IOMMU or AMD-Vi on AMD.")),
            Do(
                N_(
                    "On Intel, put intel_iommu=on on the kernel command line: add it to GRUB_CMDLINE_LINUX in "
                    "/etc/default/grub."
                )
            ),
            Do(
                N_("Write the boot menu again, and reboot:"),
                (
                    "# update-grub    # Debian, Ubuntu",
                    "# grub2-mkconfig -o /boot/grub2/grub.cfg    # Fedora, RHEL",
                    "# reboot",
                ),
            ),
            Do(N_("On AMD it is on by itself once the firmware offers it; take amd_iommu=off out if it is there.")),
        ),
    ),
}
