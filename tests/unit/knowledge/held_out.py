"""Messages that people pasted into issue threads, gathered after the patterns were written and never used to write one.

``cause`` was set from the thread before the first run; empty where the catalogue knows no cause of it. Names of people
in paths are replaced.
"""

from __future__ import annotations

from typing import NamedTuple


class Pasted(NamedTuple):
    """One paste: the cause that it must name first, the thread, and the text."""

    cause: str
    thread: str
    text: str


TRACE = """
Traceback (most recent call last):
  File "/usr/share/virt-manager/virtManager/asyncjob.py", line 72, in cb_wrapper
    callback(asyncjob, *args, **kwargs)
  File "/usr/share/virt-manager/virtManager/object/domain.py", line 1384, in startup
    self._backend.create()
  File "/usr/lib/python3/dist-packages/libvirt.py", line 1353, in create
    raise libvirtError('virDomainCreate() failed')
libvirt.libvirtError: """

_DISK = "Cannot access storage file '/home/user/macOS-Simple-KVM/ESP.qcow2' (as uid:64055, gid:109): Permission denied"
_EMULATOR = """emulator: ERROR: x86_64 emulation currently requires hardware acceleration!
Please ensure KVM is properly installed and usable.
"""
_STATUS = """× libvirtd.service - libvirt legacy monolithic daemon
     Loaded: loaded (/etc/systemd/system/libvirtd.service; enabled; preset: ignored)
     Active: failed (Result: exit-code) since Sun 2025-11-30 15:03:02 EST; 1min 0s ago
TriggeredBy: ● libvirtd-ro.socket
       Docs: man:libvirtd(8)
    Process: 2972161 ExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS (code=exited, status=1/FAILURE)"""

PASTED = (
    Pasted(
        "storage.path-unreachable", "foxlet/macOS-Simple-KVM#620", f"Error starting domain: {_DISK}\n{TRACE}{_DISK}"
    ),
    Pasted(
        "storage.path-unreachable",
        "kimchi-project/wok#265",
        "KCHVM0019E: Unable to start virtual machine UbuntuWorkMachine. Details: Cannot access storage file "
        "'/media/user/ssd/uwm040619.img' (as uid:64055, gid:129): Permission denied",
    ),
    Pasted(
        "storage.path-unreachable",
        "stackhpc/ansible-role-libvirt-vm#28",
        "2019-03-31T09:39:26.332744Z qemu-system-x86_64: -drive file=/way_of_the_qcow/Test,format=qcow2,if=none,"
        "id=drive-virtio-disk0: Could not open '/way_of_the_qcow/Test': Permission denied",
    ),
    Pasted(
        "storage.path-unreachable",
        "shakenfist/shakenfist#460",
        "error: Failed to start domain sf:3e2e2d50-e8b9-4722-b942-6b585dfe775b\nerror: internal error: process exited "
        "while connecting to monitor: 2020-10-25T00:26:07.380518Z qemu-system-x86_64: -drive file=/srv/shakenfist/"
        "instances/3e2e2d50/vda,format=qcow2,if=none,id=drive-virtio-disk0: Could not open backing file: Could not "
        "open backing file: Could not open '/srv/shakenfist/image_cache/aca4103d.v001.qcow2': Permission denied",
    ),
    Pasted(
        "storage.path-unreachable",
        "canonical/tdx#37",
        "ERROR    internal error: process exited while connecting to monitor: 2024-02-20T10:09:39.850335Z "
        'qemu-system-x86_64: -blockdev {"node-name":"libvirt-2-format","read-only":false,"driver":"qcow2","file":'
        '"libvirt-2-storage","backing":null}: Could not open \'/tmp/tdx-guest-ubuntu-23.10.qcow2\': Permission denied\n'
        "Domain installation does not appear to have been successful.",
    ),
    Pasted(
        "storage.path-unreachable",
        "virt-manager/virt-manager#1031",
        "Error running snapshot 'init_25.10': internal error: process exited while connecting to monitor: "
        '2026-01-13T09:09:26.823084Z qemu-system-x86_64: -blockdev {"driver":"file","filename":"/home/a/mystorage/'
        'libvirt_pool/ubuntu.1757917759","node-name":"libvirt-4-storage","auto-read-only":true,"discard":"unmap"}: '
        "Could not open '/home/a/mystorage/libvirt_pool/ubuntu.1757917759': Permission denied",
    ),
    Pasted(
        "storage.path-unreachable",
        "cockpit-project/bots#2991",
        "warning: ERROR    internal error: process exited while connecting to monitor: 2022-02-23T14:36:52.044721Z "
        'qemu-system-x86_64: -blockdev {"driver":"file","filename":"/var/lib/libvirt/qemu/nvram/Vm_VARS.fd"}: Could '
        "not open '/var/lib/libvirt/qemu/nvram/Vm_VARS.fd': Permission denied",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "foxlet/macOS-Simple-KVM#252",
        "Could Not Access KVM kernel module: No Such file or directory.\n"
        "qemu-system-x86_64: Failed to Initialize KVM: No such file or directory.",
    ),
    Pasted(
        "access.not-in-kvm-group",
        "qword-os/qword#50",
        "    Could not access KVM kernel module: Permission denied\n"
        "    qemu-system-x86_64: failed to initialize KVM: Permission denied",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "playbit/public#25",
        "Formatting 'disk0.qcow2', fmt=qcow2 size=68719476736 cluster_size=65536 lazy_refcounts=off refcount_bits=16\n"
        "Could not access KVM kernel module: No such file or directory\n"
        "2024-11-14T06:43:48.772837Z qemu-system-x86_64: failed to initialize KVM: No such file or directory",
    ),
    Pasted(
        "qemu.broken",
        "foxlet/macOS-Simple-KVM#336",
        "Failed to initialize module: /usr/lib/x86_64-linux-gnu/qemu/ui-gtk.so\n"
        "Note: only modules from the same build can be loaded.",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "travis-ci/docs-travis-ci-com#915",
        "qemu-system-i386 -no-shutdown -serial stdio harddisk/harddisk.img\n"
        "Could not access KVM kernel module: No such file or directory\n"
        "failed to initialize KVM: No such file or directory\nBack to tcg accelerator.\n"
        "Could not initialize SDL(No available video device) - exiting",
    ),
    Pasted(
        "access.not-in-kvm-group",
        "sickcodes/Docker-OSX#55",
        "ssh-keygen: generating new host keys: RSA DSA ECDSA ED25519 \n"
        "qemu-system-x86_64: warning: dbind: Couldn't connect to accessibility bus: Failed to connect to socket "
        "/tmp/dbus-LW022K2LIb: Connection refused\nCould not access KVM kernel module: Permission denied\n"
        "qemu-system-x86_64: failed to initialize kvm: Permission denied",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "notAperson535/OneClick-macOS-Simple-KVM#69",
        "No protocol specified\nUnable to init server: Could not connect: Connection refused\n"
        "Could not access KVM kernel module: No such file or directory\n"
        "qumu-system-x86_64: failed to initialize kvm: No such file or directory",
    ),
    Pasted(
        "kernel.device-denied-by-container",
        "mediabots/Linux-to-Windows-with-QEMU#33",
        "Could not access KVM kernel module: Operation not permitted. gemu-sytem-x86_64: failed to initialize KVM: "
        "Operation not permitted",
    ),
    Pasted(
        "network.default-inactive",
        "vagrant-libvirt/vagrant-libvirt#116",
        "Call to virDomainCreateWithFlags failed: internal error: Network 'default' is not active.",
    ),
    Pasted(
        "network.default-inactive",
        "vagrant-libvirt/vagrant-libvirt#60",
        "There was an error talking to Libvirt. The error message is shown\nbelow:\n\n"
        "Call to virDomainCreateWithFlags failed: internal error Network 'network-test0' is not active.",
    ),
    Pasted(
        "network.default-undefined",
        "vagrant-libvirt/vagrant-libvirt#102",
        "Call to virDomainCreateWithFlags failed: Network not found: no network with matching name 'default'",
    ),
    Pasted(
        "network.default-inactive",
        "foxlet/macOS-Simple-KVM#445",
        "Error starting domain: Requested operation is not valid: network 'default' is not active\n"
        f"{TRACE}Requested operation is not valid: network 'default' is not active",
    ),
    Pasted(
        "services.failed",
        "mike11207/single-gpu-passthrough-amd-gpu#1",
        "╰─λ sudo systemctl restart libvirtd\n"
        "Job for libvirtd.service failed because the control process exited with error code.\n"
        'See "systemctl status libvirtd.service" and "journalctl -xeu libvirtd.service" for details.',
    ),
    Pasted("services.failed", "arsfeld/nixos#99", _STATUS),
    Pasted(
        "libvirt.not-installed",
        "OpenMandrivaAssociation/distribution#665",
        "[root@localhost user]# systemctl restart libvirtd.service \n"
        "Failed to issue method call: Unit libvirtd.service failed to load: No such file or directory.",
    ),
    Pasted(
        "services.not-running",
        "microsoft/WSL#10894",
        "* libvirtd.service - Virtualization daemon\n"
        "     Loaded: loaded (/lib/systemd/system/libvirtd.service; enabled; preset: enabled)\n"
        "     Active: inactive (dead)\nTriggeredBy: * libvirtd.socket\n             * libvirtd-admin.socket",
    ),
    Pasted(
        "libvirt.unreachable",
        "lexi-src/sGPUpt#38",
        "Error starting domain: Cannot recv data: Connection reset by peer\n"
        f"{TRACE}Cannot recv data: Connection reset by peer",
    ),
    Pasted(
        "kernel.iommu-off",
        "BigAnteater/KVM-GPU-Passthrough#19",
        "Error starting domain: unsupported configuration: host doesn't support passthrough of host PCI devices\n"
        f"{TRACE}unsupported configuration: host doesn't support passthrough of host PCI devices",
    ),
    Pasted(
        "kernel.iommu-off",
        "foxlet/macOS-Simple-KVM#579",
        "qemu-system-x86_64: -device vfio-pci,host=08:00.0,bus=port.1,multifunction=on: vfio 0000:08:00.0: no "
        "iommu_group found: No such file or directory",
    ),
    Pasted(
        "",  # the IOMMU is on; its groups hold other devices as well
        "64kramsystem/vga-passthrough#15",
        "qemu-system-x86_64: -device vfio-pci,host=01:00.0,multifunction=on: vfio error: 0000:01:00.0: group 1 is not "
        "viable\nPlease ensure all devices within the iommu_group are bound to their vfio bus driver.",
    ),
    Pasted(
        "kernel.modules-missing",
        "SynoCommunity/spksrc#1469",
        "ERROR: could not insert 'kvm_intel': Unknown symbol in module, or unknown parameter (see dmesg)\n"
        "[1938415.664311] kvm: Unknown symbol user_return_notifier_unregister (err 0)",
    ),
    Pasted(
        "kernel.modules-missing",
        "boot2docker/boot2docker#1138",
        "depmod: ERROR: could not open directory /lib/modules/4.1.13-boot2docker: No such file or directory\n"
        "depmod: FATAL: could not search modules: No such file or directory",
    ),
    Pasted(
        "kernel.modules-missing",
        "sickcodes/Docker-OSX#775",
        "modprobe: FATAL: Module kvm not found in directory /lib/modules/6.5.11-8-pve",
    ),
    Pasted(
        "kernel.modules-missing",
        "canonical/multipass#811",
        "launch failed: modprobe: ERROR: ../libkmod/libkmod.c:586 kmod_search_moddep() could not open moddep file "
        "'/lib/modules/5.0.0-15-generic/modules.dep.bin'",
    ),
    Pasted(
        "access.not-in-kvm-group",
        "budtmo/docker-android#369",
        "INFO    | Android emulator version 32.1.14.0 (build_id 10330179) (CL:N/A)\n"
        "ProbeKVM: This user doesn't have permissions to use KVM (/dev/kvm).\n"
        "The KVM line in /etc/group is: [LINE_NOT_FOUND]",
    ),
    Pasted(
        "hardware.cpu-unsupported",
        "docker-android-sdk/android-29#1",
        f"{_EMULATOR}CPU acceleration status: KVM requires a CPU that supports vmx or svm",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "aerokube/images#243",
        "emulator: CPU Acceleration: DISABLED\nemulator: CPU Acceleration status: /dev/kvm is not found: VT disabled "
        "in BIOS or KVM kernel module not loaded",
    ),
    Pasted(
        "access.not-in-kvm-group",
        "snapcrafters/android-studio#40",
        "Recommendation:\n/dev/kvm device: permission denied.",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "ksoichiro/dockerfiles#3",
        f"{_EMULATOR}CPU acceleration status: KVM is not installed on this machine (/dev/kvm is missing).",
    ),
    Pasted(
        "qemu.firmware-missing",
        "quickemu-project/quickemu#1524",
        "ERROR! EFI boot requested but no EFI firmware found.\n       Please install OVMF firmware.",
    ),
    Pasted(
        "qemu.firmware-missing",
        "OpenNebula/one#7352",
        "DEBUG INFO: cannot find firmware for UEFI guests.\n"
        "You probably need to install OVMF (x86-64), or AAVMF (aarch64)",
    ),
    Pasted(
        "qemu.firmware-missing",
        "virt-manager/virt-manager#216",
        "    ERROR    operation failed: unable to find any master var store for\n"
        "    loader: /usr/share/edk2/ovmf/OVMF_CODE.fd",
    ),
    Pasted(
        "libvirt.unreachable",
        "kubernetes/minikube#7677",
        "❗  'kvm2' driver reported an issue: /usr/bin/virsh domcapabilities --virttype kvm failed:\n"
        "error: failed to connect to the hypervisor\n"
        "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory\n"
        "💡  Suggestion: Follow your Linux distribution instructions for configuring KVM",
    ),
    Pasted(
        "access.not-in-libvirt-group",
        "kubernetes/minikube#6653",
        "error: failed to connect to the hypervisor\nerror: no valid connection\n"
        "error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
    ),
    Pasted(
        "access.not-in-libvirt-group",
        "kubernetes/minikube#11551",
        "🚫  Exiting due to PR_KVM_USER_PERMISSION: libvirt group membership check failed:\n"
        "error getting current user's GIDs: user: GroupIds requires cgo\n"
        "💡  Suggestion: Ensure that you are a member of the appropriate libvirt group (remember to relogin for group "
        "changes to take effect!)",
    ),
    Pasted(
        "libvirt.python-missing",
        "stackhpc/ansible-role-libvirt-host#24",
        "failed: [host] (item={'name': 'default', 'type': 'dir'}) => {\"ansible_loop_var\": \"item\", \"changed\": "
        'false, "msg": "The `libvirt` module is not importable. Check the requirements."}',
    ),
    Pasted(
        "",  # a guest that wants a newer CPU: no fault of the host
        "Fmstrat/winapps#42",
        "Error starting domain: operation failed: guest CPU doesn't match specification: missing features: "
        "ss,fma,movbe,aes,f16c,rdrand,fsgsbase,bmi1,avx2,smep,bmi2,erms,invpcid,pdpe1gb,abm",
    ),
    Pasted(
        "qemu.guest-memory",
        "virt-manager/virt-manager#662",
        "Error starting domain: internal error: qemu unexpectedly closed the monitor: Failed to create "
        "/var/lib/libvirt/.cache for shader cache (Permission denied)---disabling.\n"
        "2024-05-07T14:42:11.095792Z qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate "
        "memory",
    ),
    Pasted(
        "qemu.guest-memory",
        "kata-containers/kata-containers#10341",
        'Sep 23 03:01:22 ubuntu2204 kata[1779636]: time="2024-09-23T03:01:22.533334533-07:00" level=error '
        'msg="qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory" name=shim',
    ),
    Pasted(
        "qemu.guest-memory",
        "ra1nstorm/ra1nstorm-helper#81",
        "(qemu) qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n0x8086 0x9d2f",
    ),
    Pasted(
        "storage.apparmor-denied",
        "canonical/multipass#3557",
        'Jul 03 01:13:07 host kernel: audit: type=1400 audit(1719969187.773:633): apparmor="DENIED" operation="ptrace" '
        'profile="libvirtd" pid=1 comm="libvirtd" requested_mask="read" denied_mask="read" peer="snap.multipass"',
    ),
    Pasted(
        "storage.selinux-denied",
        "libvirt/libvirt#52",
        "[  532.664903] audit: type=1400 audit(1647386594.294:325): avc:  denied  { read } for  pid=423 "
        'comm="libvirtd" name="utmp" dev="tmpfs" ino=4029 scontext=system_u:system_r:virtd_t:s0-s0:c0.c1023 tcontext=x',
    ),
    Pasted(
        "access.not-in-libvirt-group",
        "Fmstrat/winapps#328",
        "Unable to connect to libvirt qemu:///system.\n\nVerify that the 'libvirtd' daemon is running.\n\n"
        "Libvirt URI is: qemu:///system\n\nTraceback (most recent call last):\n"
        '  File "/usr/share/virt-manager/virtManager/connection.py", line 923, in _do_open\n'
        "    self._backend.open(cb, data)\nlibvirt.libvirtError: Failed to connect socket to "
        "'/var/run/libvirt/libvirt-sock': Permission denied",
    ),
    Pasted(
        "libvirt.unreachable",
        "virt-manager/virt-manager#298",
        "Unable to connect to libvirt qemu:///system.\n\nFailed to connect socket to "
        "'/var/run/libvirt/virtqemud-sock': Connection refused\n\nLibvirt URI is: qemu:///system",
    ),
    Pasted(
        "libvirt.unreachable",
        "projectbluefin/dakota#1587",
        "Unable to connect to libvirt qemu:///system.\n\nVerify that an appropriate libvirt daemon is running.\n"
        "libvirtError: Failed to connect socket to '/var/run/libvirt/virtqemud-sock': No such file or directory",
    ),
    Pasted(
        "libvirt.unreachable",
        "jeffreywildman/homebrew-virt-manager#19",
        "Mit libvirt konnte nicht verbunden werden.\n\nStellen Sie sicher, dass der »libvirtd«-Dienst läuft.\n\n"
        "libvirtError: Failed to connect socket to '/usr/local/var/run/libvirt/libvirt-sock': No such file or "
        "directory",
    ),
    Pasted(
        "access.session-uri",
        "cockpit-project/cockpit#6901",
        "> warning: error: failed to get domain 'subVmTestCreate15'\nerror: Domain not found: no domain with matching "
        "name 'subVmTestCreate15'",
    ),
    Pasted(
        "kernel.iommu-off",
        "intel/gvt-linux#171",
        "qemu unexpectedly closed the monitor: 2020-09-24T04:35:09.453740Z qemu-system-x86_64: -device vfio-pci,"
        "id=hostdev0,sysfsdev=/sys/bus/mdev/devices/34658867,display=on,bus=pcie.0,addr=0x9: vfio 34658867: failed to "
        "setup container for group 11: Failed to set iommu for container: Input/output error",
    ),
)
