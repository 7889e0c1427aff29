"""Explanations of the layer ``qemu``: the emulator and what comes with it; and of the packages that bring it."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain import linux_guest, packages
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_HELP = Look(
    "qemu-system-x86_64 -accel help",
    "Accelerators supported in QEMU binary:\ntcg\nkvm",
    "bash: qemu-system-x86_64: command not found",
    N_("On RHEL and its relatives the program is /usr/libexec/qemu-kvm."),
)

_LAYER = Layer(
    N_("the program that is the guest's machine: disk, screen, network"),
    (
        N_("KVM gives a guest only the CPU. QEMU is the rest of its computer, in software."),
        N_("Each running guest is one QEMU process on the host."),
        N_("There is one program per kind of CPU: qemu-system-x86_64, qemu-system-aarch64 and so on."),
    ),
    (
        N_("Without QEMU there is no machine for the guest's software to run on."),
        N_("It also brings qemu-img for disks, and works with UEFI firmware and a software TPM."),
    ),
    (_HELP, Look("qemu-img --version", "qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "")),
    ("https://www.qemu.org/docs/master/system/introduction.html", "qemu-system(1)", "qemu-img(1)"),
)

_TOPICS = {
    "qemu.emulator": Topic(
        N_("The emulator for this architecture"),
        (
            N_("The program that plays the guest's whole computer, apart from its CPU."),
            N_("It must be the one for the CPU of this host: KVM runs only guests of the same kind."),
        ),
        (N_("libvirt, virt-manager, Proxmox, OpenStack: all of them start this program for each guest."),),
        (_HELP,),
        ("qemu-system(1)", "https://www.qemu.org/docs/master/system/introduction.html"),
    ),
    "qemu.kvm-accel": Topic(
        N_("An emulator that can use KVM"),
        (
            N_("An accelerator is what runs the guest's instructions: kvm uses the CPU, tcg imitates it."),
            N_("Which ones a QEMU knows was decided when it was built."),
        ),
        (N_("A QEMU without kvm runs guests too, but many times slower."),),
        (
            Look(
                "qemu-system-x86_64 -accel help",
                "Accelerators supported in QEMU binary:\ntcg\nkvm",
                "Accelerators supported in QEMU binary:\ntcg",
                N_("Good: the list contains kvm."),
            ),
        ),
        ("qemu-system(1)",),
    ),
    "qemu.img": Topic(
        N_("qemu-img, which makes guests' disks"),
        (N_("It makes, converts, grows and checks disk images, in the formats qcow2, raw and others."),),
        (N_("libvirt and virt-install call it for every new disk."),),
        (
            Look(
                "qemu-img --version",
                "qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)",
                "bash: qemu-img: command not found",
            ),
        ),
        ("qemu-img(1)",),
    ),
    "qemu.firmware": Topic(
        N_("UEFI firmware for guests"),
        (
            N_("A guest's computer needs a firmware, as a real one does. SeaBIOS, the old kind, comes with QEMU."),
            N_("The UEFI kind is called OVMF, or AAVMF on ARM, and is a package of its own."),
        ),
        (N_("Windows 11, Secure Boot and every ARM guest need UEFI."),),
        (
            Look(
                "ls /usr/share/qemu/firmware",
                "40-edk2-x86_64-secure-enrolled.json  60-edk2-x86_64.json",
                "ls: cannot access '/usr/share/qemu/firmware': No such file or directory",
                N_("Each file describes one firmware image; libvirt chooses among them."),
            ),
            Look(
                "virsh -c qemu:///system domcapabilities | grep -A2 '<loader'",
                "<loader supported='yes'>\n  <value>/usr/share/OVMF/OVMF_CODE_4M.fd</value>",
                "",
            ),
        ),
        ("https://libvirt.org/formatdomain.html", "https://libvirt.org/formatdomaincaps.html"),
    ),
    "qemu.tpm": Topic(
        N_("swtpm, a security chip for guests"),
        (N_("A TPM is a small chip that keeps keys. swtpm plays one in software, one process per guest."),),
        (N_("Windows 11 does not install without a TPM; Linux guests may use one for disk encryption."),),
        (
            Look(
                "swtpm --version",
                "TPM emulator version 0.7.1, Copyright (c) 2014-2021 IBM Corp.",
                "bash: swtpm: command not found",
            ),
            Look(
                "virsh -c qemu:///system domcapabilities | grep '<tpm'",
                "<tpm supported='yes'>",
                "<tpm supported='no'/>",
            ),
        ),
        ("swtpm(8)", "https://www.qemu.org/docs/master/specs/tpm.html"),
    ),
    "qemu.guest-memory": Topic(
        N_("Memory for guests"),
        (
            N_("QEMU asks the kernel for the guest's whole memory when the guest starts."),
            N_("Huge pages, a strict overcommit rule, or a limit on locked memory can each make the kernel refuse."),
        ),
        (N_("A guest whose memory is refused does not start at all."),),
        (
            Look("free -h", "", "", N_("The column available is what new guests can get.")),
            Look(
                "grep HugePages /proc/meminfo",
                "HugePages_Total:       0\nHugePages_Free:        0",
                "HugePages_Total:    1024\nHugePages_Free:        0",
            ),
            Look("sysctl vm.overcommit_memory", "vm.overcommit_memory = 0", "vm.overcommit_memory = 2"),
        ),
        (
            "https://docs.kernel.org/admin-guide/mm/hugetlbpage.html",
            "https://docs.kernel.org/mm/overcommit-accounting.html",
        ),
    ),
    **packages.TOPICS,
}

_CAUSES = {
    "qemu.not-installed": Wrong(
        "qemu.emulator",
        (N_("No emulator for this host's CPU was found where the distribution puts it."),),
        (
            Do(N_("It installs the package. By hand, on Debian and Ubuntu:"), ("# apt-get install qemu-system-x86",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install qemu-kvm",)),
            Do(
                N_("openSUSE, Arch, Alpine:"),
                ("# zypper install qemu-kvm", "# pacman -S qemu-base", "# apk add qemu-system-x86_64"),
            ),
        ),
    ),
    "qemu.no-kvm-accel": Wrong(
        "qemu.kvm-accel",
        (N_("This QEMU knows only emulation. Perhaps it was built by hand, or a part of it is a package of its own."),),
        (
            Do(
                N_("It installs the distribution's own. By hand, on Debian and Ubuntu:"),
                ("# apt-get install --reinstall qemu-system-x86",),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf install qemu-kvm",)),
            Do(
                N_("Look which QEMU is found first; one under /usr/local hides the distribution's:"),
                ("type -a qemu-system-x86_64",),
            ),
        ),
    ),
    "qemu.broken": Wrong(
        "qemu.emulator",
        (N_("The program is there but ends with an error: a library is missing, or a file of it is damaged."),),
        (
            Do(
                N_("It installs the package again. By hand, on Debian and Ubuntu:"),
                ("# apt-get install --reinstall qemu-system-x86 qemu-system-common", "# apt-get --fix-broken install"),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf reinstall qemu-kvm qemu-kvm-core",)),
        ),
        (
            Look(
                "qemu-system-x86_64 --version",
                "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)",
                "qemu-system-x86_64: error while loading shared libraries:\n"
                "libpixman-1.so.0: cannot open shared object file",
            ),
            Look("ldd /usr/bin/qemu-system-x86_64 | grep 'not found'", "", "libpixman-1.so.0 => not found"),
        ),
    ),
    "qemu.img-missing": Wrong(
        "qemu.img",
        (N_("The program qemu-img was not found."),),
        (
            Do(N_("It installs the package. By hand, on Debian and Ubuntu:"), ("# apt-get install qemu-utils",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install qemu-img",)),
        ),
    ),
    "qemu.firmware-missing": Wrong(
        "qemu.firmware",
        (
            N_("No UEFI image was found, or a guest names a file that an update has moved."),
            N_("Newer distributions dropped the images of 2 MiB for those of 4 MiB, under other names."),
        ),
        (
            Do(
                N_("It installs the firmware. By hand, on Debian and Ubuntu:"),
                ("# apt-get install ovmf    # ARM: qemu-efi-aarch64",),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf install edk2-ovmf    # ARM: edk2-aarch64",)),
            Do(
                N_("If a guest names a file that is gone, let libvirt choose: replace its loader and nvram lines."),
                ("virsh edit GUEST    # <os firmware='efi'>",),
            ),
        ),
        (
            Look(
                "virsh start GUEST",
                "",
                "error: operation failed: Unable to find any firmware to satisfy 'efi'",
            ),
        ),
    ),
    "qemu.tpm-missing": Wrong(
        "qemu.tpm",
        (N_("The program swtpm, or swtpm_setup which prepares a new TPM, was not found."),),
        (
            Do(N_("It installs them. By hand, on Debian and Ubuntu:"), ("# apt-get install swtpm swtpm-tools",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install swtpm swtpm-tools",)),
        ),
    ),
    "qemu.guest-memory": Wrong(
        "qemu.guest-memory",
        (
            N_("QEMU asked for the guest's memory and the kernel refused it."),
            N_("Huge pages that are reserved but used up are a common reason, and memory that is simply too small."),
        ),
        (
            Do(
                N_("Give the guest less memory, or stop another one."),
                ("virsh setmaxmem GUEST 2G --config", "virsh setmem GUEST 2G --config"),
            ),
            Do(
                N_("Guests on huge pages need enough of them, each of 2 MiB:"),
                ("# sysctl vm.nr_hugepages=2048    # 4 GiB",),
            ),
            Do(
                N_("Huge pages that nobody uses take memory from everybody else: give them back."),
                ("# sysctl vm.nr_hugepages=0",),
            ),
            Do(
                N_("With vm.overcommit_memory = 2 raise vm.overcommit_ratio, or set the usual value:"),
                ("# sysctl vm.overcommit_memory=0",),
            ),
            Do(N_("To keep a setting over a reboot, put the line into a file under /etc/sysctl.d.")),
        ),
        (
            Look(
                "virsh start GUEST",
                "",
                "qemu-system-x86_64: cannot set up guest memory 'pc.ram':\nCannot allocate memory",
            ),
        ),
        ("sysctl.d(5)",),
    ),
    **packages.CAUSES,
}

_CHECKS = {
    "qemu.emulator": Asked("qemu.emulator"),
    "qemu.kvm-accel": Asked("qemu.kvm-accel"),
    "qemu.img": Asked("qemu.img"),
    "qemu.rom": Asked("qemu.emulator", N_("The BIOS with which guests start"), ("qemu.broken",)),
    "qemu.memory": Asked("qemu.guest-memory"),
    "qemu.firmware": Asked("qemu.firmware"),
    "qemu.tpm": Asked("qemu.tpm"),
    "qemu.distribution": Asked(
        "packages", N_("Whether kvmready knows what this distribution calls its packages"), ("packages.no-table",)
    ),
    "qemu.packages": Asked("packages", N_("Whether a package is half installed"), ("packages.broken-state",)),
    "qemu.package-lock": Asked("packages", N_("Whether the package manager is free"), ("packages.manager-busy",)),
    "qemu.package-source": Asked(
        "packages",
        N_("Whether there is a repository to install from"),
        (
            "packages.no-candidate",
            "packages.offline",
            "packages.untrusted",
        ),
    ),
}

ROOM = Room(_LAYER, _TOPICS, {**_CAUSES, **linux_guest.QEMU_CAUSES}, _CHECKS)
