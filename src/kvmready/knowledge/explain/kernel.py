"""Explanations of the layer ``kernel``, first half: KVM itself, from its modules to a guest that runs."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain import kernel_drivers, linux_guest, wanted
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_LAYER = Layer(
    N_("KVM: the part of Linux that lets guests use the CPU"),
    (
        N_("KVM is the kernel's driver for the CPU's virtualization extension."),
        N_("It consists of the module kvm and one for the CPU's maker, kvm_intel or kvm_amd."),
        N_("Programs reach it through one file, /dev/kvm."),
    ),
    (
        N_("QEMU opens /dev/kvm to run a guest. If it is missing or may not be opened, no guest runs under KVM."),
        N_("A flag in /proc/cpuinfo does not prove that it works; only a guest that ran does."),
    ),
    (
        Look("lsmod | grep kvm", "kvm_amd               163840  0\nkvm                  1142784  1 kvm_amd", ""),
        Look(
            "ls -l /dev/kvm",
            "crw-rw---- 1 root kvm 10, 232 Nov 24 09:15 /dev/kvm",
            "ls: cannot access '/dev/kvm': No such file or directory",
        ),
        Look("kvmready prove --level probe", "", "", N_("Runs a tiny guest, and says what it did.")),
    ),
    ("https://docs.kernel.org/virt/kvm/index.html", "https://docs.kernel.org/virt/kvm/api.html"),
)

_TOPICS = {
    "kernel.modules": Topic(
        N_("The KVM modules, loaded now"),
        (
            N_("A module is a part of the kernel that is loaded when it is needed."),
            N_(
                "KVM needs two: kvm, and kvm_intel or kvm_amd for the maker of the CPU. Some kernels have them "
                "built in."
            ),
        ),
        (N_("Without them nothing in the kernel can run a guest, and /dev/kvm does not exist."),),
        (
            Look(
                "lsmod | grep kvm",
                "kvm_amd               163840  0\nkvm                  1142784  1 kvm_amd",
                "",
                N_("Bad: no line at all, although the modules are not built in."),
            ),
            Look(
                "# modprobe -v kvm_amd    # or kvm_intel",
                "",
                "modprobe: ERROR: could not insert 'kvm_amd': Operation not supported",
                N_("Good: nothing, or an insmod line. Operation not supported: look at the layer below, hardware."),
            ),
        ),
        ("lsmod(8)", "modprobe(8)"),
    ),
    "kernel.modules-persist": Topic(
        N_("The KVM modules, at every boot"),
        (
            N_("At boot udev loads kvm_intel or kvm_amd when it sees the CPU's flag, or systemd does, from a list."),
            N_("The lists are the files under /etc/modules-load.d."),
        ),
        (N_("A host that works today and not after the next reboot is found out at the worst time."),),
        (
            Look("grep -rs kvm /etc/modules-load.d /etc/modules", "/etc/modules-load.d/kvmready.conf:kvm_amd", ""),
            Look(
                "grep 'feature:' /lib/modules/$(uname -r)/modules.alias | grep kvm",
                "alias cpu:type:x86,ven*fam*mod*:feature:*00C2* kvm_amd",
                "",
                N_("Good: one of the two has a line. With the alias udev loads the module by itself."),
            ),
        ),
        ("modules-load.d(5)", "modprobe.d(5)"),
    ),
    "kernel.kvm-device": Topic(
        N_("/dev/kvm, the file through which guests are started"),
        (
            N_("A device node: whoever may open it for reading and writing may run guests."),
            N_("It belongs to root and the group kvm, with mode 0660; on Fedora, RHEL and others with mode 0666."),
            N_("udev makes it when the KVM modules are loaded, and sets owner and mode by its rules."),
        ),
        (
            N_("QEMU does not run as root but as a user of its own, libvirt-qemu or qemu."),
            N_("That user, and everybody who starts QEMU without libvirt, must be allowed to open it."),
        ),
        (
            Look(
                "ls -l /dev/kvm",
                "crw-rw---- 1 root kvm 10, 232 Nov 24 09:15 /dev/kvm",
                "crw------- 1 root root 10, 232 Nov 24 09:15 /dev/kvm",
                N_("The numbers 10, 232 say that it really is KVM's device. A + behind the mode means an access list."),
            ),
            Look(
                "getfacl /dev/kvm",
                "# file: dev/kvm\n# owner: root\n# group: kvm\nuser::rw-\ngroup::rw-\nother::---",
                "",
            ),
        ),
        ("udev(7)", "udevadm(8)", "getfacl(1)"),
    ),
    "kernel.kvm-runs": Topic(
        N_("A guest that really runs"),
        (
            N_("kvmready opens /dev/kvm, makes a small machine, and runs a few instructions in it."),
            N_("The guest adds two numbers chosen a moment before, and the sum shows that it ran."),
        ),
        (
            N_("Flags, modules and device nodes can all look right while no guest runs: only running one tells."),
            N_("It is tried with your rights and, when root asks, with those of each user and of QEMU's own user."),
        ),
        (
            Look("kvmready prove --level probe"),
            Look(
                "qemu-system-x86_64 -accel kvm -display none -S -monitor stdio",
                "QEMU 7.2.22 monitor - type 'help' for more information\n(qemu)",
                "Could not access KVM kernel module: Permission denied\n"
                "qemu-system-x86_64: -accel kvm: failed to initialize kvm:\n"
                "Permission denied",
                N_("Leave it with: quit"),
            ),
        ),
        ("https://docs.kernel.org/virt/kvm/api.html", "kvm_stat(1)"),
    ),
    "kernel.hugepages": Topic(
        N_("Huge pages, where somebody asked for them"),
        (
            N_(
                "Memory is handed out in pages of 4 KiB. Huge pages are of 2 MiB or 1 GiB, and are set aside "
                "beforehand."
            ),
        ),
        (
            N_("Guests that are told to use huge pages run a little faster, and start only when enough are free."),
            N_("After a long time memory is in small pieces, and the kernel sets fewer aside than it was asked for."),
        ),
        (
            Look("grep HugePages /proc/meminfo", "HugePages_Total:    1024\nHugePages_Free:     1024", ""),
            Look(
                "sysctl vm.nr_hugepages",
                "vm.nr_hugepages = 1024",
                "",
                N_("Good: as many as the configuration asks for."),
            ),
        ),
        ("https://docs.kernel.org/admin-guide/mm/hugetlbpage.html",),
    ),
    "kernel.acceleration": Topic(
        N_("How fast guests run"),
        (
            N_("kvmready runs the same instructions in a guest and on the host, and compares the time."),
            N_("A ratio near 1 means that the guest ran on the CPU itself."),
        ),
        (
            N_("Some kernels offer /dev/kvm but imitate what guests do, a thousand times slower."),
            N_("Every check of flags and files passes there, and every guest crawls."),
        ),
        (
            Look(
                "kvmready prove --level probe",
                "",
                "",
                N_("Good: native, ratio near 1. Bad: degraded, with a tiny ratio."),
            ),
        ),
        ("https://docs.kernel.org/virt/kvm/index.html",),
    ),
}

_CAUSES = {
    "kernel.module-not-loaded": Wrong(
        "kernel.modules",
        (N_("The CPU can run guests and the module is on the disk, but nobody has loaded it."),),
        (
            Do(
                N_("It loads the module for this CPU. By hand:"),
                ("# modprobe kvm_amd    # AMD", "# modprobe kvm_intel    # Intel"),
            ),
            Do(N_("If modprobe answers Operation not supported, the layer hardware says why.")),
        ),
    ),
    "kernel.module-not-persistent": Wrong(
        "kernel.modules-persist",
        (N_("The module is loaded, but neither a list nor udev will load it at the next boot."),),
        (
            Do(
                N_("It writes the module's name into a list of its own. By hand:"),
                ("# echo kvm_amd > /etc/modules-load.d/kvm.conf    # or kvm_intel",),
            ),
        ),
    ),
    "kernel.module-blacklisted": Wrong(
        "kernel.modules",
        (
            N_("A file under /etc/modprobe.d, or the kernel command line, forbids the module."),
            N_("Guides for VirtualBox tell people to do this, so that the two do not fight over the CPU."),
        ),
        (
            Do(
                N_("Find the line:"),
                ("grep -rE 'kvm' /etc/modprobe.d /usr/lib/modprobe.d /run/modprobe.d", "cat /proc/cmdline"),
            ),
            Do(
                N_("In a file: put # before the line, or remove it; then load the module."),
                ("# modprobe kvm_amd    # or kvm_intel",),
            ),
            Do(
                N_("If it was in the initramfs as well, make that again. Debian and Ubuntu:"),
                ("# update-initramfs -u",),
            ),
            Do(
                N_(
                    "On the command line: take module_blacklist= or modprobe.blacklist= out of "
                    "/etc/default/grub, and reboot."
                ),
                ("# update-grub    # Debian, Ubuntu", "# grub2-mkconfig -o /boot/grub2/grub.cfg    # Fedora, RHEL"),
            ),
        ),
        (
            Look(
                "modprobe --showconfig | grep -E '^(blacklist|install) kvm'",
                "",
                "blacklist kvm_amd\ninstall kvm_intel /bin/false",
                N_("Good: no line."),
            ),
        ),
        ("modprobe.d(5)", "kernel-command-line(7)"),
    ),
    "kernel.modules-missing": Wrong(
        "kernel.modules",
        (
            N_("The modules for the kernel that runs now are not on the disk."),
            N_("Mostly the kernel was updated and the machine was not rebooted: the old modules are gone."),
            N_("Some small kernels (cloud, containers, boards) are built without KVM."),
        ),
        (
            Do(N_("When another version is under /lib/modules, reboot into it:"), ("# reboot",)),
            Do(
                N_("Otherwise install the distribution's standard kernel, and reboot. Debian:"),
                ("# apt-get install linux-image-amd64",),
            ),
            Do(N_("Ubuntu:"), ("# apt-get install linux-generic linux-modules-extra-$(uname -r)",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install kernel kernel-modules",)),
        ),
        (
            Look(
                "uname -r; ls /lib/modules",
                "6.1.0-56-amd64\n6.1.0-55-amd64  6.1.0-56-amd64",
                "6.1.0-54-amd64\n6.1.0-56-amd64",
                N_("Good: the version that runs is in the list."),
            ),
            Look(
                "ls /lib/modules/$(uname -r)/kernel/arch/x86/kvm",
                "kvm-amd.ko  kvm-intel.ko  kvm.ko",
                "ls: cannot access ...: No such file or directory",
            ),
        ),
    ),
    "kernel.other-hypervisor": Wrong(
        "kernel.kvm-runs",
        (
            N_("Only one hypervisor at a time can use the CPU's extension, and another one holds it."),
            N_("Mostly it is VirtualBox (vboxdrv) or VMware (vmmon) with a guest that runs."),
            N_("Since Linux 6.12 it can be the other way round: KVM holds it from the start, and VirtualBox fails."),
        ),
        (
            Do(
                N_("Shut down the guests of the other one. If that is not enough, stop it:"),
                ("# systemctl stop vboxdrv    # VirtualBox", "# systemctl stop vmware    # VMware"),
            ),
            Do(
                N_(
                    "To keep both on Linux 6.12 and later, let KVM take the CPU only while its guests run: put "
                    "this on the kernel command line."
                ),
                ("| kvm.enable_virt_at_load=0",),
            ),
        ),
        (
            Look(
                "lsmod | grep -E 'vboxdrv|vmmon'",
                "",
                "vboxdrv               696320  3 vboxnetadp,vboxnetflt",
                N_("Good: no line."),
            ),
            Look(
                "qemu-system-x86_64 -accel kvm -display none -S -monitor stdio",
                "",
                "ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy",
            ),
        ),
        ("https://docs.kernel.org/virt/kvm/api.html",),
    ),
    "kernel.device-missing": Wrong(
        "kernel.kvm-device",
        (N_("KVM has started, but nothing made /dev/kvm; or something else lies in its place."),),
        (
            Do(
                N_("It lets udev make the node again. By hand:"),
                ("# udevadm trigger --action=add --sysname-match=kvm",),
            ),
            Do(
                N_("Where no udev runs (a container, a rescue system), make it yourself:"),
                ("# mknod -m 0660 /dev/kvm c 10 232", "# chgrp kvm /dev/kvm"),
            ),
        ),
        (Look("ls -l /dev/kvm", "", "ls: cannot access '/dev/kvm': No such file or directory"),),
    ),
    "kernel.device-permissions": Wrong(
        "kernel.kvm-device",
        (
            N_("The node is there, but it does not belong to the group kvm, or the group may not use it."),
            N_("Often the udev rule is missing, or the group kvm did not exist when the node was made."),
        ),
        (
            Do(
                N_("It lets udev set owner and mode again. By hand:"),
                ("# udevadm control --reload", "# udevadm trigger --action=add --sysname-match=kvm"),
            ),
            Do(
                N_("If that changes nothing, the rule is missing. It is one line:"),
                ('| KERNEL=="kvm", GROUP="kvm", MODE="0660", OPTIONS+="static_node=kvm"',),
            ),
            Do(N_("Put it into /etc/udev/rules.d/65-kvm.rules and run the two commands again.")),
            Do(
                N_("If only QEMU's own user is refused, put it into the group:"),
                ("# usermod -aG kvm libvirt-qemu    # or qemu",),
            ),
            Do(N_("Never use chmod 666: it opens the device to every program, and the next boot takes it back.")),
        ),
        (
            Look(
                "grep -rs kvm /usr/lib/udev/rules.d /etc/udev/rules.d",
                '50-udev-default.rules:KERNEL=="kvm", GROUP="kvm", MODE="0660"',
                "",
            ),
        ),
    ),
    "kernel.device-denied-by-container": Wrong(
        "kernel.kvm-device",
        (
            N_("A container sees only the devices that it was started with, and a rule can forbid the rest."),
            N_("The machine around it has KVM; this container was not given it."),
        ),
        (
            Do(
                N_("Start the container again with the device and its group. Docker:"),
                ("docker run --device /dev/kvm --group-add $(stat -c %g /dev/kvm) IMAGE",),
            ),
            Do(N_("Podman:"), ("podman run --device /dev/kvm --group-add keep-groups IMAGE",)),
            Do(N_("LXD and Incus:"), ("lxc config device add NAME kvm unix-char source=/dev/kvm",)),
            Do(N_("A systemd unit or systemd-nspawn: allow it in the unit."), ("| DeviceAllow=/dev/kvm rw",)),
        ),
        (
            Look(
                "kvmready prove --level probe",
                "",
                "",
                N_("Bad: ENOENT (no node), EPERM (a device rule) or EACCES (a foreign group)."),
            ),
        ),
        ("docker-run(1)", "podman-run(1)", "systemd.resource-control(5)"),
    ),
    "kernel.run-fails": Wrong(
        "kernel.kvm-runs",
        (
            N_("The device opens and a machine can be made, but its instructions do not run to the end."),
            N_(
                "In a VM that is mostly nested virtualization that is broken below; on real machines, firmware "
                "or kernel."
            ),
        ),
        (
            Do(N_("Read the kernel's own words:"), ("# dmesg | grep -i kvm",)),
            Do(N_("In a VM: ask whoever runs the machine below; a newer kernel there often mends it.")),
            Do(N_("On a real machine: update firmware, microcode and kernel, then switch the power off and on.")),
        ),
        (
            Look(
                "# tail /var/log/libvirt/qemu/GUEST.log",
                "",
                "KVM: entry failed, hardware error 0x80000021\nerror: failed to set MSR 0x38d to 0x0",
                N_("What QEMU wrote when the guest stopped."),
            ),
        ),
    ),
    "kernel.degraded": Wrong(
        "kernel.acceleration",
        (
            N_("KVM answers and guests run, but the kernel imitates them instead of giving them the CPU."),
            N_("Kernels with kvm_pvm inside of a VM do this; a guest may be quicker under QEMU's own emulation."),
        ),
        (
            Do(N_("For full speed use a real machine, or a VM with nested virtualization: see hardware.nested-off.")),
            Do(N_("To go on here with QEMU's emulation:"), ("kvmready up --accel tcg",)),
        ),
    ),
}

_CHECKS = {
    "kernel.module-tree": Asked(
        "kernel.modules", N_("The modules of the running kernel, on disk"), ("kernel.modules-missing",)
    ),
    "kernel.blacklist": Asked(
        "kernel.modules", N_("Whether the configuration forbids a KVM module"), ("kernel.module-blacklisted",)
    ),
    "kernel.modules": Asked("kernel.modules"),
    "kernel.modules-persist": Asked("kernel.modules-persist"),
    "kernel.kvm-device": Asked("kernel.kvm-device"),
    "kernel.kvm-permissions": Asked(
        "kernel.kvm-device",
        N_("Owner and mode of /dev/kvm"),
        ("kernel.device-permissions", "kernel.device-denied-by-container"),
    ),
    "kernel.qemu-user": Asked(
        "kernel.kvm-device", N_("Whether QEMU's own user may run guests"), ("kernel.device-permissions",)
    ),
    "kernel.extension-free": Asked(
        "kernel.kvm-runs", N_("Whether another hypervisor holds the CPU"), ("kernel.other-hypervisor",)
    ),
    "kernel.kvm-runs": Asked("kernel.kvm-runs"),
    "kernel.acceleration": Asked("kernel.acceleration"),
    "kernel.hugepages": Asked("kernel.hugepages", "", ("qemu.guest-memory", "kernel.hugepages-missing")),
    "kernel.vhost-net": Asked("kernel.vhost-net"),
    "kernel.tun": Asked("kernel.tun"),
    "kernel.cgroups": Asked("kernel.cgroups"),
    "kernel.iommu": Asked("kernel.iommu"),
    "kernel.nested": Asked("kernel.nested"),
}

ROOM = Room(
    _LAYER,
    {**_TOPICS, **kernel_drivers.TOPICS, **linux_guest.KERNEL_TOPICS},
    {**_CAUSES, **kernel_drivers.CAUSES, **linux_guest.KERNEL_CAUSES, **wanted.KERNEL_CAUSES},
    _CHECKS,
)
