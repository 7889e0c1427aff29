"""Messages as programs print them, with the cause that each must name first; every symptom has one at the least."""

from __future__ import annotations

MESSAGES: tuple[tuple[str, str], ...] = (
    # hardware
    ("hardware.nested-off", "[    3.102941] kvm_intel: VMX not supported by CPU 0"),
    ("hardware.nested-off", "Mar 02 10:11:12 box kernel: kvm_amd: SVM not supported by CPU 3"),
    ("hardware.nested-off", "[    0.913593] kvm: no hardware support for 'kvm_intel'"),
    (
        "hardware.firmware-disabled",
        "INFO: Your CPU does not support KVM extensions\nKVM acceleration can NOT be used",
    ),
    (
        "hardware.cpu-unsupported",
        "  QEMU: Checking for hardware virtualization                                 : FAIL (Host not compatible with "
        "KVM; HW virtualization CPU features not found. Only emulated CPUs are available; performance will be "
        "significantly limited)",
    ),
    ("hardware.cpu-unsupported", "QEMU：正在检查硬件虚拟化 : 失败 (主机与 KVM 不兼容 ; 未找到 HW 虚拟化 CPU 功能。)"),
    ("hardware.cpu-unsupported", "Failed to open a session: VT-x is not available (VERR_VMX_NO_VMX)."),
    ("hardware.cpu-unsupported", "ERROR! Intel VT-x support is required."),
    (
        "hardware.firmware-disabled",
        "[    0.152000] x86/cpu: VMX (outside TXT) disabled by BIOS\n"
        "[    5.211000] kvm_intel: VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU 0",
    ),
    ("hardware.firmware-disabled", "Nov  3 08:00:01 n1 kernel: kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on CPU 0"),
    ("hardware.firmware-disabled", "kvm: support for 'kvm_intel' disabled by bios"),
    (
        "hardware.firmware-disabled",
        "INFO: /dev/kvm does not exist\nHINT:   sudo modprobe kvm_intel\nINFO: KVM (vmx) is disabled by your BIOS\n"
        "HINT:   Enter your BIOS setup and enable Virtualization Technology (VT)",
    ),
    ("hardware.firmware-disabled", "modprobe: ERROR: could not insert 'kvm_intel': Operation not supported"),
    ("hardware.firmware-disabled", "modprobe: ERROR: could not insert 'kvm_amd'：不支持的操作"),
    (
        "hardware.firmware-disabled",
        "VBoxManage: error: VT-x is disabled in the BIOS for all CPU modes (VERR_VMX_MSR_ALL_VMX_DISABLED)",
    ),
    (
        "hardware.firmware-disabled",
        "Error with pre-create check: \"This computer doesn't have VT-X/AMD-v enabled. "
        'Enabling it in the BIOS is mandatory"',
    ),
    ("hardware.firmware-disabled", "此主机支持 Intel VT-x，但 Intel VT-x 处于禁用状态。"),
    (
        "hardware.nested-off",
        "Virtualized Intel VT-x/EPT is not supported on this platform. Continue without virtualized Intel VT-x/EPT?",
    ),
    ("hardware.nested-off", "此平台不支持虚拟化的 AMD-V/RVI。不使用虚拟化的 AMD-V/RVI，是否继续？"),
    ("hardware.wsl-nested-off", "wsl: Nested virtualization is not supported on this machine."),
    (
        "hardware.wsl-nested-off",
        "modprobe: FATAL: Module kvm_intel not found in directory /lib/modules/5.15.133.1-microsoft-standard-WSL2",
    ),
    ("hardware.wsl-1", "modprobe: FATAL: Module kvm not found in directory /lib/modules/4.4.0-19041-Microsoft"),
    ("hardware.xen-dom0", "[    0.000000] Booting paravirtualized kernel on Xen"),
    ("hardware.confidential-guest", "kvm_amd: KVM is unsupported when running as an SEV guest"),
    ("hardware.arm-not-el2", "[    0.344030] kvm [1]: HYP mode not available"),
    ("hardware.no-second-level-translation", "[    7.100000] kvm_amd: Nested Paging disabled"),
    ("hardware.no-second-level-translation", "无法安装 Hyper-V: 处理器没有二级地址转换(SLAT)功能。"),
    (
        "hardware.guest-escape-risk",
        "[    4.51] L1TF CPU bug present and SMT on, data leak possible. See CVE-2018-3646 for details.",
    ),
    # kernel
    (
        "kernel.module-not-loaded",
        "Could not access KVM kernel module: No such file or directory\n"
        "qemu-system-x86_64: failed to initialize kvm: No such file or directory",
    ),
    ("kernel.module-not-loaded", "qemu-system-x86_64: Could not access KVM kernel module: 没有那个文件或目录"),
    ("kernel.module-not-loaded", "Could not access KVM kernel module: No such device"),
    ("kernel.module-not-loaded", "INFO: /dev/kvm does not exist\nHINT:   sudo modprobe kvm"),
    ("kernel.module-not-loaded", "ls: cannot access '/dev/kvm': No such file or directory"),
    ("kernel.module-not-loaded", "ls: 无法访问 '/dev/kvm': 没有那个文件或目录"),
    (
        "kernel.module-not-loaded",
        "KVM is not available. This may mean the KVM package is not installed, or the KVM kernel modules are not "
        "loaded. Your virtual machines may perform poorly.",
    ),
    (
        "kernel.module-not-loaded",
        "KVM 不可用。这可能是因为没有安装 KVM 软件包，或者没有载入 KVM 内核模块。虚拟系统可能性能会很差。",
    ),
    (
        "kernel.module-not-loaded",
        "error: unsupported configuration: Domain requires KVM, but it is not available. Check that virtualization is "
        "enabled in the host BIOS, and host configuration is setup to load the kvm modules.",
    ),
    ("kernel.module-blacklisted", "systemd-modules-load[312]: Module 'kvm_amd' is deny-listed"),
    (
        "kernel.module-blacklisted",
        "modprobe: ERROR: ../libkmod/libkmod-module.c:1047 command_do() Error running install command '/bin/false' "
        "for module kvm_intel: retcode 1",
    ),
    (
        "kernel.modules-missing",
        "modprobe: FATAL: Module kvm_intel not found in directory /lib/modules/6.9.7-arch1-1",
    ),
    ("kernel.modules-missing", "systemd-modules-load[201]: Failed to find module 'kvm_amd'"),
    ("kernel.modules-missing", "kvm: disagrees about version of symbol module_layout"),
    (
        "kernel.other-hypervisor",
        "ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy\n"
        "qemu-system-x86_64: failed to initialize KVM: Device or resource busy",
    ),
    ("kernel.other-hypervisor", "ioctl(KVM_CREATE_VM) failed: 设备或资源忙"),
    (
        "kernel.other-hypervisor",
        "VT-x is being used by another hypervisor (VERR_VMX_IN_VMX_ROOT_MODE). VirtualBox can't operate in VMX root "
        "mode. Please disable the KVM kernel extension, recompile your kernel and reboot.",
    ),
    (
        "kernel.device-permissions",
        "systemd-udevd[266]: /usr/lib/udev/rules.d/50-udev-default.rules:101 Unknown group 'kvm', ignoring.",
    ),
    ("kernel.device-denied-by-container", "Could not access KVM kernel module: Operation not permitted"),
    (
        "kernel.device-denied-by-container",
        "docker: Error response from daemon: error gathering device information while adding custom device "
        '"/dev/kvm": no such file or directory.',
    ),
    ("kernel.run-fails", "KVM: entry failed, hardware error 0xffffffff"),
    ("kernel.run-fails", "error: kvm run failed Bad address\nRAX=0000000000000000 RBX=0000000000000000"),
    ("kernel.run-fails", "qemu-system-x86_64: error: failed to set MSR 0x38d to 0x0"),
    (
        "kernel.degraded",
        "qemu-system-x86_64: warning: TCG doesn't support requested feature: CPUID.01H:ECX.pcid [bit 17]",
    ),
    (
        "kernel.nested-disabled",
        "qemu-kvm: warning: host doesn't support requested feature: CPUID.01H:ECX.vmx [bit 5]",
    ),
    (
        "kernel.nested-disabled",
        "error: unsupported configuration: guest CPU doesn't match specification: missing features: svm",
    ),
    (
        "kernel.vhost-net-missing",
        "qemu-system-x86_64: -netdev tap,id=n0,vhost=on: vhost-net requested but could not be initialized",
    ),
    ("kernel.vhost-net-missing", "错误：不支持的配置：接口要求 vhost-net，但不可用。"),
    ("kernel.tun-missing", "error: Unable to open /dev/net/tun, is tun module loaded?: No such device"),
    ("kernel.tun-missing", "错误：无法打开 /dev/net/tun，是否载入了 tun 模块？: 没有那个设备"),
    ("kernel.cgroup-missing", "error: Requested operation is not valid: cgroup memory controller is not mounted"),
    (
        "kernel.cgroup-missing",
        "  QEMU: Checking for cgroup 'memory' controller support : WARN (Enable 'memory' in kernel Kconfig file or "
        "mount/enable cgroup controller in your system)",
    ),
    (
        "kernel.iommu-off",
        "qemu-system-x86_64: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: failed to setup container for "
        "group 1: No available IOMMU models",
    ),
    (
        "kernel.iommu-off",
        "  QEMU: Checking if IOMMU is enabled by kernel : WARN (IOMMU appears to be disabled in kernel. Add "
        "intel_iommu=on to kernel cmdline arguments)",
    ),
    # qemu
    ("qemu.not-installed", "bash: qemu-system-x86_64: command not found"),
    ("qemu.not-installed", "bash: qemu-system-x86_64: 未找到命令"),
    ("qemu.not-installed", 'Driver "qemu" failed: exec: "qemu-system-aarch64": executable file not found in $PATH'),
    (
        "qemu.not-installed",
        "ERROR    internal error: Could not find any guests for architecture type hvm/x86_64",
    ),
    ("qemu.not-installed", "error: invalid argument: emulator '/usr/bin/qemu-system-x86_64' not found"),
    ("qemu.no-kvm-accel", "qemu-system-x86_64: -accel kvm: invalid accelerator kvm"),
    (
        "qemu.broken",
        "qemu-system-x86_64: error while loading shared libraries: libspice-server.so.1: cannot open shared object "
        "file: No such file or directory",
    ),
    (
        "qemu.broken",
        "libvirtd[812]: Failed to probe capabilities for /usr/bin/qemu-system-x86_64: internal error: Failed to start "
        "QEMU binary /usr/bin/qemu-system-x86_64 for probing",
    ),
    ("qemu.img-missing", "error: internal error: unable to find qemu-img"),
    ("qemu.img-missing", "sudo: qemu-img：找不到命令"),
    ("qemu.firmware-missing", "error: operation failed: Unable to find any firmware to satisfy 'efi'"),
    (
        "qemu.firmware-missing",
        "could not create VM: operation failed: unable to find any master var store for loader: "
        "/usr/share/OVMF/OVMF_CODE.fd",
    ),
    ("qemu.firmware-missing", "错误：操作失败: 无法找到任何固件来满足 'efi'"),
    (
        "qemu.firmware-missing",
        "qemu-system-x86_64: -drive file=/usr/share/OVMF/OVMF_CODE.fd,if=pflash: Could not open "
        "'/usr/share/OVMF/OVMF_CODE.fd': No such file or directory",
    ),
    ("qemu.tpm-missing", "Error starting domain: Unable to find 'swtpm' binary in $PATH: No such file or directory"),
    ("qemu.tpm-missing", "Unable to add device: unsupported configuration: TPM version '2.0' is not supported"),
    (
        "qemu.tpm-missing",
        "Error starting domain: internal error: Could not run '/usr/bin/swtpm_setup'. exitstatus: 1; Check error log",
    ),
    ("qemu.guest-memory", "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory"),
    (
        "qemu.guest-memory",
        "error: internal error: qemu unexpectedly closed the monitor: 2024-02-01T10:00:00.000000Z qemu-kvm: unable to "
        "map backing store for guest RAM: Cannot allocate memory",
    ),
    (
        "qemu.guest-memory",
        "kernel: Out of memory: Killed process 4711 (qemu-system-x86) total-vm:9437184kB, anon-rss:8123456kB",
    ),
    # libvirt
    ("libvirt.not-installed", "Failed to start libvirtd.service: Unit libvirtd.service not found."),
    ("libvirt.not-installed", "usermod: group 'libvirt' does not exist"),
    ("libvirt.clients-missing", "-bash: virsh: command not found"),
    ("libvirt.clients-missing", "zsh: command not found: virt-install"),
    ("libvirt.clients-missing", "bash: virt-install: 未找到命令"),
    ("libvirt.python-missing", "Traceback (most recent call last):\nModuleNotFoundError: No module named 'libvirt'"),
    (
        "libvirt.unreachable",
        "error: failed to connect to the hypervisor\nerror: Failed to connect socket to "
        "'/var/run/libvirt/libvirt-sock': No such file or directory",
    ),
    (
        "libvirt.unreachable",
        "错误：无法连接到 hypervisor\n错误：将插槽连接到 '/var/run/libvirt/virtqemud-sock' 失败: 拒绝连接",
    ),
    (
        "libvirt.unreachable",
        "failed to dial libvirt: dial unix /var/run/libvirt/libvirt-sock: connect: no such file or directory",
    ),
    ("libvirt.unreachable", "error: failed to connect to the hypervisor"),
    (
        "libvirt.hangs",
        "error: Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainX)",
    ),
    (
        "libvirt.mixed-daemons",
        "virtqemud[24331]: Failed to acquire pid file '/run/libvirt/qemu/driver.pid': Resource temporarily unavailable",
    ),
    (
        "libvirt.partial-modular",
        "error: Failed to connect socket to '/var/run/libvirt/virtnetworkd-sock': No such file or directory",
    ),
    ("libvirt.partial-modular", "error: no connection driver available for qemu:///system"),
    (
        "libvirt.config-invalid",
        "libvirtd[900]: configuration file syntax error: /etc/libvirt/qemu.conf:519: expecting a value",
    ),
    ("libvirt.config-invalid", "libvirtd: 配置文件语法错误: /etc/libvirt/libvirtd.conf:81: 期望一个值"),
    ("libvirt.config-invalid", "error : virStateInitialize:657 : Initialization of QEMU state driver failed: x"),
    (
        "libvirt.no-kvm-capability",
        "error: invalid argument: could not find capabilities for arch=x86_64 domaintype=kvm ",
    ),
    ("libvirt.no-kvm-capability", "错误：无效参数：无法找到 domaintype=kvm  的功能"),
    (
        "libvirt.polkit-denied",
        "error: authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
    ),
    ("libvirt.polkit-denied", "错误：身份验证不可用：没有可以验证操作 'org.libvirt.unix.manage' 的 polkit 代理"),
    # services
    (
        "services.not-running",
        "error: Failed to connect socket to '/var/run/libvirt/virtlogd-sock': No such file or directory",
    ),
    (
        "services.not-running",
        "○ libvirtd.service - Virtualization daemon\n"
        "     Loaded: loaded (/lib/systemd/system/libvirtd.service; enabled; preset: enabled)\n"
        "     Active: inactive (dead)",
    ),
    (
        "services.not-enabled",
        "     Loaded: loaded (/usr/lib/systemd/system/virtqemud.service; disabled; preset: disabled)\n"
        "     Active: active (running) since Tue 2025-03-04 10:00:00 CET; 1h ago",
    ),
    ("services.masked", "Failed to start libvirtd.service: Unit libvirtd.service is masked."),
    ("services.failed", "systemd[1]: libvirtd.service: Failed with result 'exit-code'."),
    (
        "services.failed",
        "Job for libvirtd.service failed because the control process exited with error code.\n"
        'See "systemctl status libvirtd.service" and "journalctl -xeu libvirtd.service" for details.',
    ),
    (
        "services.no-manager",
        "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
        "Failed to connect to bus: Host is down",
    ),
    # network
    (
        "network.default-undefined",
        "error: failed to get network 'default'\nerror: Network not found: no network with matching name 'default'",
    ),
    ("network.default-undefined", "错误：未找到网络: 没有网络与名称 'default' 映射"),
    ("network.default-inactive", "error: Requested operation is not valid: network 'default' is not active"),
    ("network.default-inactive", "错误：所需操作无效：网络 'default' 未激活"),
    (
        "network.default-inactive",
        " Name      State      Autostart   Persistent\n"
        "--------------------------------------------\n default   inactive   no          yes",
    ),
    (
        "network.default-no-autostart",
        " Name      State    Autostart   Persistent\n--------------------------------------------\n"
        " default   active   no          yes",
    ),
    ("network.subnet-clash", "error: internal error: Network is already in use by interface enp1s0"),
    ("network.subnet-clash", "错误：内部错误：接口 eth0 已在使用网络"),
    ("network.stale-bridge", "error: internal error: Network is already in use by interface virbr0"),
    ("network.stale-bridge", "error: error creating bridge interface virbr0: File exists"),
    ("network.dnsmasq-missing", "error: Unable to find 'dnsmasq' binary in $PATH: No such file or directory"),
    (
        "network.dnsmasq-conflict",
        "dnsmasq: failed to create listening socket for 192.168.122.1: Address already in use",
    ),
    ("network.docker-forward-drop", "Chain FORWARD (policy DROP 1204 packets, 72240 bytes)"),
    ("network.docker-forward-drop", "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER"),
    (
        "network.firewall-backend",
        "error: internal error: Failed to apply firewall rules /usr/sbin/iptables -w --table nat --list-rules: "
        "iptables v1.8.7 (nf_tables): table `nat' is incompatible, use 'nft' tool.",
    ),
    ("network.firewall-backend", "error: internal error: firewalld can't find the 'libvirt' zone"),
    (
        "network.firewall-reloaded",
        "/usr/sbin/iptables -w --table filter --delete LIBVIRT_INP --in-interface virbr0: iptables: No "
        "chain/target/match by that name.",
    ),
    ("network.bridge-helper", "failed to parse default acl file `/etc/qemu/bridge.conf'\nqemu: bridge helper failed"),
    ("network.bridge-helper", "错误：/usr/lib/qemu/qemu-bridge-helper: 无法与网桥帮助程序通信：不允许的操作"),
    ("network.forwarding-off", "error: failed to enable IP forwarding: Read-only file system"),
    ("network.forwarding-off", "WARNING: IPv4 forwarding is disabled. Networking will not work."),
    # storage
    (
        "storage.pool-missing",
        "error: failed to get pool 'default'\n"
        "error: Storage pool not found: no storage pool with matching name 'default'",
    ),
    ("storage.pool-inactive", "error: Requested operation is not valid: storage pool 'default' is not active"),
    ("storage.pool-inactive", "错误：所需操作无效：存储池 'default' 未处于活动状态"),
    (
        "storage.path-unreachable",
        "error: Cannot access storage file '/home/alice/vm/disk.qcow2' (as uid:64055, gid:108): Permission denied",
    ),
    (
        "storage.path-unreachable",
        "错误：无法访问存储文件 '/home/alice/vm/disk.qcow2'（以 uid:64055、gid:108身份）: 权限不够",
    ),
    (
        "storage.path-unreachable",
        "error: internal error: process exited while connecting to monitor: 2023-01-02T03:04:05.678901Z "
        'qemu-system-x86_64: -blockdev {"driver":"file"}: Could not open \'/home/alice/x.img\': Permission denied',
    ),
    ("storage.no-space", "qemu-img: /var/lib/libvirt/images/a.qcow2: error while writing: No space left on device"),
    ("storage.no-space", "qemu-img: /srv/a.qcow2: 设备上没有空间"),
    (
        "storage.apparmor-denied",
        'audit: type=1400 audit(1669900000.123:45): apparmor="DENIED" operation="open" class="file" '
        'profile="libvirt-1b2c3d4e-0000-4111-8222-333344445555" name="/srv/a.qcow2" pid=4242 comm="qemu-system-x86"',
    ),
    (
        "storage.selinux-denied",
        'type=AVC msg=audit(1669900000.1:2): avc:  denied  { read } for  pid=99 comm="qemu-kvm" name="a.qcow2" '
        'dev="dm-0" ino=131 scontext=system_u:system_r:svirt_t:s0:c1,c2 tcontext=unconfined_u:object_r:user_home_t:s0',
    ),
    # access
    (
        "access.not-in-kvm-group",
        "Could not access KVM kernel module: Permission denied\n"
        "qemu-system-x86_64: failed to initialize kvm: Permission denied",
    ),
    ("access.not-in-kvm-group", "qemu-system-x86_64: failed to initialize kvm: 权限不够"),
    ("access.not-in-kvm-group", 'Failed to open /dev/kvm: Os { code: 13, message: "Permission denied" }'),
    (
        "access.not-in-libvirt-group",
        "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
    ),
    ("access.not-in-libvirt-group", "错误：将套接字连接到 '/run/libvirt/libvirt-sock' 失败: 权限不够"),
    (
        "access.session-stale",
        "You need to logout, re-login, and run crc setup again before the user is effectively a member of the "
        "'libvirt' group.",
    ),
    (
        "access.session-uri",
        "error: failed to get domain 'web1'\nerror: Domain not found: no domain with matching name 'web1'",
    ),
    (
        "access.session-uri",
        "error: Failed to connect socket to '/run/user/1000/libvirt/virtqemud-sock': No such file or directory",
    ),
    ("access.no-such-user", "usermod: user 'allice' does not exist"),
    # tools
    ("tools.not-installed", "bash: virt-manager: command not found"),
    (
        "tools.not-installed",
        "WARNING  Unable to connect to graphical console: virt-viewer not installed. Please install the 'virt-viewer' "
        "package.",
    ),
    ("tools.no-display", "(virt-manager:3512): Gtk-WARNING **: 10:00:00.000: cannot open display: "),
    ("tools.no-display", "WARNING  需要图形显示，但未设置 DISPLAY。不能运行 virt-viewer。"),
    (
        "tools.broken",
        'Traceback (most recent call last):\n  File "/usr/bin/virt-manager", line 6, in <module>\n'
        "ValueError: Namespace GtkVnc not available",
    ),
    ("tools.not-answering", "systemd[1]: cockpit.service: Failed with result 'exit-code'."),
    ("tools.removed-upstream", "No match for argument: virt-manager\nError: Unable to find a match: virt-manager"),
    ("tools.not-listening", "curl: (7) Failed to connect to localhost port 9090: Connection refused"),
    # packages
    ("packages.no-candidate", "E: Unable to locate package qemu-kvm"),
    ("packages.no-candidate", "E: 无法定位软件包 virtinst"),
    (
        "packages.manager-busy",
        "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 (unattended-upgr)\n"
        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
    ),
    ("packages.manager-busy", "E: 无法获得锁 /var/lib/dpkg/lock-frontend。锁正由进程 812（apt-get）持有"),
    (
        "packages.broken-state",
        "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ",
    ),
    ("packages.broken-state", "E: dpkg 被中断，您必须手工运行 ‘dpkg --configure -a’ 解决此问题。"),
    (
        "packages.untrusted",
        "W: GPG error: http://deb.example.org/debian trixie InRelease: The following signatures couldn't be verified "
        "because the public key is not available: NO_PUBKEY 6ED0E7B82643E131\n"
        "E: The repository 'http://deb.example.org/debian trixie InRelease' is not signed.",
    ),
    ("packages.untrusted", "由于没有公钥，无法验证下列签名： NO_PUBKEY 6ED0E7B82643E131"),
    ("packages.untrusted", "Public key for libvirt-10.0.0-6.el9.x86_64.rpm is not installed\nError: GPG check FAILED"),
    (
        "packages.untrusted",
        'error: libvirt: signature from "Somebody <x@example.org>" is unknown trust\n'
        ":: File libvirt-1:10.0.0-1-x86_64.pkg.tar.zst is corrupted (invalid or corrupted package (PGP signature)).",
    ),
    ("packages.untrusted", "ERROR: https://mirror.example.org/alpine/v3.20/main: UNTRUSTED signature"),
    (
        "packages.offline",
        "Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving 'deb.debian.org'",
    ),
    ("packages.offline", "错误：为仓库 'fedora' 下载元数据失败 : Cannot prepare internal mirrorlist"),
    ("storage.pool-missing", "error: failed to get pool 'default'"),
    ("services.failed", "libvirtd.socket: Failed with result 'service-start-limit-hit'."),
    ("services.failed", "A dependency job for libvirtd.service failed. See 'journalctl -xe' for details."),
    ("libvirt.unreachable", "error: internal error: client socket is closed"),
    (
        "libvirt.no-kvm-capability",
        "ERROR    unsupported configuration: CPU mode 'host-passthrough' for x86_64 kvm domain on x86_64 host is not "
        "supported by hypervisor",
    ),
    ("network.default-inactive", "error: Cannot get interface MTU on 'virbr0': No such device"),
    ("network.firewall-backend", "error: internal error: Could not get access to ACL tech driver 'ebiptables'"),
    ("network.firewall-reloaded", "Error: No such file or directory\nlist table ip libvirt_network\n^^^^^^^^^^"),
    ("packages.manager-busy", "dpkg: error: dpkg frontend lock is locked by another process"),
    (
        "qemu.guest-memory",
        '{"level":"error","msg":"internal error: process exited\\nqemu-kvm: unable to map backing store\\nfor guest '
        'RAM"}',
    ),
    # what the first held-out set taught
    (
        "qemu.broken",
        "Failed to initialize module: /usr/lib/qemu/hw-display-qxl.so\nNote: only modules from the same build",
    ),
    ("network.default-inactive", "Call to virDomainCreate failed: internal error Network 'lab' is not active."),
    ("libvirt.not-installed", "Unit virtqemud.service failed to load: No such file or directory."),
    ("hardware.cpu-unsupported", "CPU acceleration status: KVM requires a CPU that supports vmx or svm"),
    ("access.not-in-kvm-group", "/dev/kvm device: permission denied."),
    (
        "qemu.firmware-missing",
        "ERROR! EFI boot requested but no EFI firmware found.\n       Please install OVMF firmware.",
    ),
    ("qemu.firmware-missing", "virt-v2v: error: cannot find firmware for UEFI guests."),
    (
        "kernel.iommu-off",
        "vfio 0000:3b:00.0: failed to setup container for group 44: Failed to set iommu for container",
    ),
    ("access.not-in-libvirt-group", "Remember to relogin for group changes to take effect!"),
    ("network.default-inactive", "ERROR: Could not find a viable libvirt NAT bridge, install cannot continue"),
    ("network.subnet-clash", "error: internal error: Network is already in use by interface virbr2"),
    ("kernel.module-not-loaded", "Cannot create VMM: Cannot open /dev/kvm. Error: No such device (os error 19)"),
    (
        "kernel.module-not-loaded",
        "panicked at 'Error creating the Kvm object: Error(2)', src/vmm/src/vstate/system.rs:53:30",
    ),
    ("kernel.other-hypervisor", 'Error opening VM fd: VmFd(Os { code: 16, kind: Other, message: "Resource busy" })'),
    ("access.not-in-kvm-group", "Firecracker panicked at 'Error creating the Kvm object: Error(13)'"),
)
