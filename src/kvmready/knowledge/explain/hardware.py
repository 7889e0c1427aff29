"""Explanations of the layer ``hardware``: the CPU, its firmware, and what the machine itself runs in."""

from __future__ import annotations

from collections.abc import Iterator

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_LAYER = Layer(
    N_("a CPU that can run guests, with that switched on"),
    (
        N_("The ground of everything: the CPU and its firmware (BIOS or UEFI)."),
        N_(
            "A CPU runs guests with a virtualization extension: Intel VT-x (flag vmx), AMD-V (flag svm), or EL2 on ARM."
        ),
    ),
    (
        N_("With the extension a guest's program runs on the CPU itself, at nearly full speed."),
        N_("Without it QEMU must imitate every instruction, which is ten to a hundred times slower."),
    ),
    (
        Look(
            "lscpu | grep -iE 'virtualization|hypervisor'",
            "Virtualization:                  AMD-V",
            "Hypervisor vendor:               KVM\nVirtualization type:             full",
            N_("Good: VT-x or AMD-V is named. Bad: only the hypervisor below is named, or nothing at all."),
        ),
    ),
    ("lscpu(1)", "https://docs.kernel.org/virt/kvm/index.html", "https://wiki.archlinux.org/title/KVM"),
)

_TOPICS = {
    "hardware.machine": Topic(
        N_("What kind of machine this is"),
        (
            N_("The host may be a real machine, a virtual machine, a container, WSL on Windows, or a Xen dom0."),
            N_("Each kind decides differently whether a guest can run, and who can change that."),
        ),
        (
            N_("In a virtual machine the machine below must pass the CPU's extension on."),
            N_("In a container the kernel and the device nodes belong to the machine around it."),
        ),
        (
            Look(
                "systemd-detect-virt",
                "none",
                "",
                N_(
                    "none is a real machine. kvm, vmware, oracle, microsoft, amazon and so on name the "
                    "hypervisor below."
                ),
            ),
        ),
        ("systemd-detect-virt(1)",),
    ),
    "hardware.cpu-virtualization": Topic(
        N_("The CPU's virtualization extension"),
        (
            N_("A part of the CPU that can hold a whole second machine and switch into it and back."),
            N_("Intel calls it VT-x or VMX, AMD calls it AMD-V or SVM. Nearly every CPU since 2010 has it."),
            N_("The firmware can switch it off, and current kernels then hide the flag as if it were not there."),
        ),
        (N_("KVM is only a driver for this extension: where it is missing or off, no guest can run under KVM."),),
        (
            Look("grep -cE 'vmx|svm' /proc/cpuinfo", "8", "0", N_("The number of CPUs that show the flag.")),
            Look(
                "# dmesg | grep -iE 'kvm|vmx|svm'",
                "kvm_amd: Nested Virtualization enabled\nkvm_amd: Nested Paging enabled",
                "x86/cpu: VMX (outside TXT) disabled by BIOS\nkvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 0",
                N_("The kernel says here when the firmware has switched the extension off."),
            ),
        ),
        ("lscpu(1)", "dmesg(1)", "https://wiki.archlinux.org/title/KVM"),
    ),
    "hardware.second-level-translation": Topic(
        N_("Guests' memory, translated by the hardware"),
        (
            N_("A guest's addresses must be translated to those of the host, at every access to memory."),
            N_("Current CPUs do it themselves: Intel calls it EPT, AMD calls it NPT."),
        ),
        (N_("Without it KVM does the work in software: guests run, but everything that uses memory is slow."),),
        (
            Look("cat /sys/module/kvm_intel/parameters/ept", "Y", "N", N_("On an Intel CPU.")),
            Look("cat /sys/module/kvm_amd/parameters/npt", "Y", "N", N_("On an AMD CPU. 1 and 0 mean the same.")),
        ),
        ("https://docs.kernel.org/virt/kvm/x86/mmu.html", "modprobe.d(5)"),
    ),
    "hardware.guest-escape-risk": Topic(
        N_("Whether the CPU keeps guests apart from the host"),
        (
            N_("Some CPUs have flaws by which a hostile guest can read memory of the host or of other guests."),
            N_(
                "The kernel knows these flaws (L1TF, MDS, iTLB multihit and others) and works around them where it can."
            ),
        ),
        (N_("It matters when strangers run their software in your guests; your own guests run either way."),),
        (
            Look(
                "grep . /sys/devices/system/cpu/vulnerabilities/*",
                "l1tf: Not affected\nmds: Mitigation: Clear CPU buffers; SMT disabled",
                "l1tf: Mitigation: PTE Inversion; VMX: vulnerable\n"
                "itlb_multihit: KVM: Vulnerable\n"
                "mds: Vulnerable: Clear CPU buffers attempted, no microcode",
                N_("Each line begins with the path of its file. Good: Not affected, or Mitigation without vulnerable."),
            ),
        ),
        (
            "https://docs.kernel.org/admin-guide/hw-vuln/l1tf.html",
            "https://docs.kernel.org/admin-guide/hw-vuln/multihit.html",
            "https://docs.kernel.org/admin-guide/hw-vuln/mds.html",
        ),
    ),
}


def _firmware_menus() -> Iterator[tuple[str, str]]:
    """Keys, menu and names of the setting, by maker."""
    from kvmready.checks import outer

    for setup in outer.SETUPS:
        names = dict.fromkeys((setup.intel, setup.amd))
        maker = " ".join((setup.vendors[0].upper(), *(f"({word})" for word in setup.products[:1])))
        yield maker, f"{setup.keys}: {setup.menu} > {' / '.join(names)}"
    for maker in ("Apple", "Microsoft Surface"):
        yield maker, outer.firmware(maker, "", "")


def _outer_hosts() -> Iterator[tuple[str, str]]:
    """How nested virtualization is switched on, by hypervisor and cloud."""
    from kvmready.checks import outer

    for name, words in outer.HYPERVISORS.items():
        if name != "unknown":
            yield name, words()


_ANOTHER = Do(N_("To go on without KVM, with slow emulation, and try everything else:"), ("kvmready up --accel tcg",))

_CAUSES = {
    "hardware.cpu-unsupported": Wrong(
        "hardware.cpu-virtualization",
        (
            N_("The CPU does not have the extension, so that no setting can bring it."),
            N_(
                "Small or very old CPUs are like this: some Atom, Celeron and Pentium models, and most from "
                "before 2006."
            ),
        ),
        (
            Do(N_("Look the model up at its maker: ark.intel.com or amd.com say whether it has VT-x or AMD-V.")),
            Do(N_("Where the maker says that it has it, look in the firmware: see hardware.firmware-disabled.")),
            Do(N_("Otherwise use another machine.")),
            _ANOTHER,
        ),
        (Look("lscpu | grep 'Model name'", "", "Model name:          Intel(R) Atom(TM) CPU  230   @ 1.60GHz"),),
    ),
    "hardware.firmware-disabled": Wrong(
        "hardware.cpu-virtualization",
        (
            N_("The CPU has the extension, but the firmware (BIOS or UEFI) locked it before Linux started."),
            N_("No software can unlock it: somebody must change a setting in the firmware setup."),
        ),
        (
            Do(
                N_("Restart the machine into its firmware setup. On a UEFI machine this command does it:"),
                ("# systemctl reboot --firmware-setup",),
            ),
            Do(
                N_(
                    "Otherwise press the setup key again and again while it starts: mostly F2 or Del, else F1, "
                    "F10 or Esc."
                )
            ),
            Do(
                N_(
                    "Intel: find Intel Virtualization Technology, VT-x or VMX, often under Advanced, CPU "
                    "Configuration or Security."
                )
            ),
            Do(N_("AMD: find SVM Mode or SVM, often under Advanced, CPU Configuration or Overclocking.")),
            Do(N_("Set it to Enabled, save with F10, and switch the power off completely for ten seconds.")),
            Do(N_("A restart alone is not always enough: some machines apply the change only after a cold start.")),
            Do(
                N_("On a server without a screen do the same through its remote console: iDRAC, iLO, XClarity or IPMI.")
            ),
            Do(
                N_("The finding on your host names the keys and the menu of its maker:"),
                ("kvmready check --only hardware",),
            ),
        ),
        (
            Look(
                "# modprobe kvm_intel",
                "",
                "modprobe: ERROR: could not insert 'kvm_intel': Operation not supported",
            ),
        ),
        ("systemctl(1)",),
        table=_firmware_menus,
    ),
    "hardware.nested-off": Wrong(
        "hardware.cpu-virtualization",
        (
            N_("This host is itself a virtual machine, and the hypervisor below hides the extension from it."),
            N_("Guests inside a guest are called nested virtualization; it is switched on outside, not in here."),
        ),
        (
            Do(N_("Switch this VM off first: a restart inside of it changes nothing. Then, on the machine below:")),
            _ANOTHER,
        ),
        (
            Look(
                "lscpu | grep -iE 'virtualization|hypervisor'",
                "Virtualization:                  AMD-V\nHypervisor vendor:               KVM",
                "Hypervisor vendor:               KVM\nVirtualization type:             full",
            ),
        ),
        (
            "https://docs.kernel.org/virt/kvm/x86/running-nested-guests.html",
            "https://cloud.google.com/compute/docs/instances/nested-virtualization/overview",
            "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CpuOptionsRequest.html",
        ),
        table=_outer_hosts,
    ),
    "hardware.wsl-nested-off": Wrong(
        "hardware.cpu-virtualization",
        (
            N_("WSL 2 runs Linux in a small virtual machine; Windows decides whether that may run guests of its own."),
            N_("It needs Windows 11. On Windows 10 there is no way."),
        ),
        (
            Do(
                N_("On Windows, put these lines into the file .wslconfig in your user folder:"),
                ("| [wsl2]", "| nestedVirtualization=true"),
            ),
            Do(N_("Then, in PowerShell, stop WSL, and open it again:"), ("| wsl --shutdown",)),
            Do(
                N_("libvirt needs systemd: put these lines into /etc/wsl.conf, inside of Linux:"),
                ("| [boot]", "| systemd=true"),
            ),
        ),
        (Look("uname -r", "", "5.15.153.1-microsoft-standard-WSL2"),),
        ("https://learn.microsoft.com/en-us/windows/wsl/wsl-config",),
    ),
    "hardware.wsl-1": Wrong(
        "hardware.cpu-virtualization",
        (
            N_("WSL 1 has no Linux kernel: Windows itself answers what Linux programs ask for, and it has no KVM."),
            N_("WSL 2 runs a real Linux kernel in a small virtual machine."),
        ),
        (
            Do(
                N_("In PowerShell, look up the name of this distribution, and make WSL 2 of it:"),
                ("| wsl --list --verbose", "| wsl --set-version NAME 2"),
            ),
        ),
        (Look("uname -r", "5.15.153.1-microsoft-standard-WSL2", "4.4.0-19041-Microsoft"),),
        ("https://learn.microsoft.com/en-us/windows/wsl/install",),
    ),
    "hardware.xen-dom0": Wrong(
        "hardware.machine",
        (
            N_("This Linux is the dom0 of Xen: the Xen hypervisor started first and owns the CPU's extension."),
            N_("Xen runs its own guests; KVM cannot run beside it."),
        ),
        (
            Do(N_("Restart, and choose the entry without Xen in the boot menu.")),
            Do(
                N_("To make that the default on Debian, remove Xen's entries:"),
                ("# apt-get remove 'xen-hypervisor-*'", "# update-grub"),
            ),
            Do(N_("Or stay with Xen, and manage its guests with libvirt and the connection xen:///system.")),
        ),
        (Look("cat /proc/xen/capabilities", "cat: /proc/xen/capabilities: No such file or directory", "control_d"),),
        ("https://libvirt.org/drvxen.html",),
    ),
    "hardware.confidential-guest": Wrong(
        "hardware.machine",
        (
            N_("This VM's memory is encrypted against its own host (AMD SEV or Intel TDX)."),
            N_("Such a VM cannot run guests: KVM is not supported inside of it."),
        ),
        (
            Do(N_("Create the VM again as an ordinary one, with nested virtualization, or use a bare-metal machine.")),
            _ANOTHER,
        ),
        (
            Look(
                "# dmesg | grep -iE 'memory encryption|tdx'",
                "",
                "Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP",
            ),
        ),
        ("https://docs.kernel.org/virt/coco/sev-guest.html",),
    ),
    "hardware.arm-not-el2": Wrong(
        "hardware.cpu-virtualization",
        (
            N_("On ARM a kernel can run guests only when the firmware started it at the privilege level EL2."),
            N_("Here it was started at EL1, one level too low."),
        ),
        (
            Do(
                N_("Update the firmware or boot loader (U-Boot, ARM Trusted Firmware) to one that starts Linux at EL2.")
            ),
            Do(N_("In a virtual machine the machine below must offer EL2: see hardware.nested-off.")),
        ),
        (
            Look(
                "# dmesg | grep -iE 'kvm|started at EL'",
                "CPU: All CPU(s) started at EL2\nkvm [1]: VHE mode initialized successfully",
                "CPU: All CPU(s) started at EL1\nkvm [1]: HYP mode not available",
            ),
        ),
        ("https://docs.kernel.org/arch/arm64/booting.html",),
    ),
    "hardware.no-second-level-translation": Wrong(
        "hardware.second-level-translation",
        (
            N_(
                "The module was loaded with it switched off, the machine below does not pass it on, or the CPU "
                "is too old."
            ),
        ),
        (
            Do(
                N_("Look for a setting that switches it off, and remove it:"),
                ("grep -rE 'ept=|npt=' /etc/modprobe.d /proc/cmdline",),
            ),
            Do(
                N_("Shut down all guests, and load the module again; or reboot."),
                ("# modprobe -r kvm_intel    # or kvm_amd", "# modprobe kvm_intel    # or kvm_amd"),
            ),
            Do(N_("In a virtual machine: give it the CPU mode host-passthrough, on the machine below.")),
        ),
    ),
    "hardware.guest-escape-risk": Wrong(
        "hardware.guest-escape-risk",
        (
            N_("The kernel itself says that this CPU, as it is set up, does not keep guests fully apart."),
            N_("Guests run; it is a warning for hosts on which not everybody is trusted."),
        ),
        (
            Do(
                N_("Install the CPU's microcode updates and reboot. Debian and Ubuntu:"),
                ("# apt-get install intel-microcode    # or amd64-microcode",),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf install microcode_ctl",)),
            Do(
                N_("Take mitigations=off, l1tf=off, mds=off and the like out of the kernel command line."),
                ("cat /proc/cmdline",),
            ),
            Do(
                N_(
                    "For strangers' guests on an affected CPU, add l1tf=full there; it flushes the cache and "
                    "switches SMT off."
                )
            ),
        ),
    ),
}

_CHECKS = {
    "hardware.machine": Asked("hardware.machine"),
    "hardware.xen": Asked("hardware.machine", N_("Whether Xen holds the CPU"), ("hardware.xen-dom0",)),
    "hardware.confidential": Asked(
        "hardware.machine", N_("Whether this is a confidential VM"), ("hardware.confidential-guest",)
    ),
    "hardware.cpu-virtualization": Asked("hardware.cpu-virtualization"),
    "hardware.nested-host": Asked(
        "hardware.cpu-virtualization",
        N_("Whether the machine below passes the extension on"),
        ("hardware.nested-off", "hardware.wsl-nested-off", "hardware.wsl-1"),
    ),
    "hardware.firmware": Asked(
        "hardware.cpu-virtualization",
        N_("Whether the firmware leaves the extension on"),
        ("hardware.firmware-disabled",),
    ),
    "hardware.arm-el2": Asked(
        "hardware.cpu-virtualization", N_("Whether an ARM kernel was started at EL2"), ("hardware.arm-not-el2",)
    ),
    "hardware.second-level-translation": Asked("hardware.second-level-translation"),
    "hardware.guest-escape": Asked("hardware.guest-escape-risk"),
}

ROOM = Room(_LAYER, _TOPICS, _CAUSES, _CHECKS)
