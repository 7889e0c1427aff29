"""A second held-out set: gathered after what the first one taught had been written down, and from other threads."""

from __future__ import annotations

from tests.unit.knowledge.held_out import Pasted

SECOND = (
    Pasted(
        "network.default-inactive",
        "isard-vdi/isard#391",
        "2021-03-30 22:11:46,030 - workers - ERROR - worker_isard-hypervisor - Exception in libvirt starting "
        "paused xml "
        'for domain _local-default in hypervisor isard-hypervisor. Exception message: "Requested operation '
        "is not valid: "
        "network 'default' is not active\" ",
    ),
    Pasted(
        "network.default-inactive",
        "clalancette/oz#73",
        "ERROR: Could not find a viable libvirt NAT bridge, install cannot continue",
    ),
    Pasted(
        "",  # router advertisements of the host: no cause of the catalogue
        "SUSE-Cloud/automation#2913",
        "error: Failed to start network vp4-admin\nerror: internal error: Check the host setup: enabling "
        "IPv6 forwarding "
        "with RA routes without accept_ra set to 2 is likely to cause routes loss. Interfaces to look at: bond0",
    ),
    Pasted(
        "network.default-inactive",
        "extraordy/rh024#59",
        "errore: Impossibile avviare il dominio RH024\nerrore: Requested operation is not valid: network "
        "'default' is not "
        "active",
    ),
    Pasted(
        "network.subnet-clash",
        "rgouveia-redhat/ocp-libvirt-upi#14",
        "Network d41003 marked as autostarted\n\nerror: Failed to start network d41003\n"
        "error: internal error: Network is already in use by interface virbr1",
    ),
    Pasted(
        "network.default-undefined",
        "Fmstrat/winapps#213",
        "error: Failed to start domain 'RDPWindows'\nerror: Network not found: no network with matching name 'default'",
    ),
    Pasted(
        "network.default-undefined",
        "kimchi-project/kimchi#56",
        'File "/usr/lib64/python2.7/site-packages/libvirt.py", line 698, in create\n'
        "if ret == -1: raise libvirtError ('virDomainCreate() failed', dom=self)\n"
        "libvirtError: Network not found: no network with matching name 'default'",
    ),
    Pasted(
        "network.stale-bridge",
        "kimchi-project/kimchi#302",
        "[13/Jan/2014:10:37:05]  Fatal: Cannot create default network because of internal error: bridge name 'virbr0' "
        "already in use., exit kimchid",
    ),
    Pasted(
        "",  # a QEMU without smart cards
        "clearlinux/distribution#1244",
        "Unable to start domain: unsupported configuration: this QEMU binary lacks smartcard passthrough mode support",
    ),
    Pasted(
        "qemu.not-installed",
        "NixOS/nixpkgs#136636",
        "(gnome-boxes:15785): Boxes-WARNING **: 00:38:54.263: review-page.vala:32: Box setup failed: Unable "
        "to get domain "
        "capabilities: Cannot check QEMU binary /usr/libexec/qemu-kvm: No such file or directory",
    ),
    Pasted(
        "",  # a definition that does not fit
        "void-linux/void-packages#37686",
        "(gnome-boxes:2422): Boxes-WARNING **: 22:48:06.855: review-page.vala:32: Box setup failed: Failed to create "
        "domain: unsupported configuration: chardev 'spicevmc' not supported without spice graphics",
    ),
    Pasted(
        "qemu.img-missing",
        "chimera-linux/cports#3440",
        "Oops! Something went wrong!\n\nFailed to create volume: internal error: creation of non-raw file "
        "images is not "
        "supported without qemu-img",
    ),
    Pasted(
        "libvirt.unreachable",
        "vagrant-libvirt/vagrant-libvirt#1193",
        "vagrant-libvirt-0.3.0/lib/vagrant-libvirt/driver.rb:59:in `open_read_only': Call to virConnectOpenReadOnly "
        "failed: Failed to connect socket to '/usr/local/var/run/libvirt/libvirt-sock-ro': No such file or directory "
        "(Libvirt::ConnectionError)",
    ),
    Pasted(
        "libvirt.unreachable",
        "ains/aircast#14",
        "**Error while connecting to Libvirt: Error making a connection to libvirt URI qemu:///system?no_verify=1&"
        "keyfile=/home/user/.ssh/id_rsa:\nCall to virConnectOpen failed: Failed to connect socket to "
        "'/var/run/libvirt/libvirt-sock': No such file or directory**",
    ),
    Pasted(
        "kernel.run-fails",
        "canonical/lxd#7962",
        "KVM internal error. Suberror: 3\nextra data[0]: 800000ec\nextra data[1]: 31\n"
        "RAX=0000000000000000 RBX=0000000000000001 RCX=0000000000000001 RDX=0000000000000182",
    ),
    Pasted(
        "",  # a fault between LXD and QEMU
        "canonical/lxd#14916",
        "Error: Failed to add CPUs: Failed to add device: Invalid parameter type for 'core-id', expected: integer",
    ),
    Pasted(
        "kernel.vhost-net-missing",
        "canonical/lxd#11482",
        "warning: tap: open vhost char device failed: Permission denied\n"
        "warning: tap: open vhost char device failed: Permission denied",
    ),
    Pasted(
        "packages.broken-state",
        "kevoreilly/CAPEv2#895",
        "You might want to run 'apt --fix-broken install' to correct these.\n"
        "The following packages have unmet dependencies:\n"
        " qemu-kvm : Depends: qemu-system-x86 (= 1:4.2-3ubuntu6.21) but it is not going to be installed\n"
        "E: Unmet dependencies. Try 'apt --fix-broken install' with no packages (or specify a solution).",
    ),
    Pasted(
        "packages.broken-state",
        "kevoreilly/CAPEv2#277",
        "dpkg: error processing package gir1.2-libvirt-glib-1.0:amd64 (--install):\n"
        " dependency problems - leaving unconfigured\nErrors were encountered while processing:\n"
        " gir1.2-libvirt-glib-1.0:amd64",
    ),
    Pasted(
        "packages.no-candidate",
        "ipspace/netlab#3408",
        "Package qemu-kvm is a virtual package provided by:\n  qemu-system-x86 1:10.2.1+ds-1ubuntu3\n"
        "You should explicitly select one to install.\n\nE: Package 'qemu-kvm' has no installation candidate",
    ),
    Pasted(
        "packages.no-candidate",
        "aws-samples/aws-bare-metal-kvm-demo#5",
        "Package libvirt-bin is not available, but is referred to by another package.\nThis may mean that "
        "the package is "
        "missing, has been obsoleted, or\nis only available from another source",
    ),
    Pasted(
        "packages.manager-busy",
        "microsoft/onefuzz#3114",
        "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 9364 (dpkg)",
    ),
    Pasted(
        "packages.manager-busy",
        "canonical/multipass#1057",
        "E: Could not get lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)\n"
        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?'",
    ),
    Pasted("tools.broken", "doomedraven/Tools#50", 'got the generic error "Namespace LibvirtGLib not available"'),
    Pasted(
        "storage.pool-missing",
        "kubic-project/kubic-terraform-kvm#15",
        "Error: can't find storage pool 'default'\n\n  on kubic-kvm.tf line 5, in resource \"libvirt_volume\" "
        '"kubic_image":',
    ),
    Pasted(
        "storage.path-unreachable",
        "MusicDin/kubitect#35",
        "Error: error creating libvirt domain: internal error: qemu unexpectedly closed the monitor: "
        '2022-08-15T15:36:23.942067Z qemu-system-x86_64: -blockdev {"driver":"file","filename":"/var/lib/libvirt/pools/'
        'local-k8s-cluster-main-resource-pool/base_volume"}: Could not open '
        "'/var/lib/libvirt/pools/local-k8s-cluster-main-resource-pool/base_volume': Permission denied",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "firecracker-microvm/firecracker#1111",
        "Firecracker panicked at 'Cannot create VMM: Cannot open /dev/kvm. Error: No such device (os error 19)', "
        "src/libcore/result.rs:1009:5",
    ),
    Pasted(
        "kernel.other-hypervisor",
        "firecracker-microvm/firecracker#1109",
        "Firecracker panicked at 'Cannot create VMM: Error opening VM fd: VmFd(Os { code: 16, kind: Other, message: "
        '"Resource busy" })\', src/libcore/result.rs:1009:5',
    ),
    Pasted(
        "access.not-in-kvm-group",
        "firecracker-microvm/firecracker#2268",
        "2020-11-10T04:08:43.403438585 [anonymous-instance:ERROR:src/firecracker/src/main.rs:52] Firecracker "
        "panicked at "
        "'Error creating the Kvm object: Error(13)', src/vmm/src/vstate/system.rs:53:19",
    ),
    Pasted(
        "access.not-in-kvm-group",
        "cloud-hypervisor/cloud-hypervisor#1014",
        "thread 'main' panicked at 'Could not boot the VM: VmBoot(KvmNew(Error(13)))', src/libcore/result.rs:1188:5",
    ),
    Pasted(
        "kernel.module-not-loaded",
        "cloud-hypervisor/cloud-hypervisor#1568",
        "thread 'main' panicked at 'called `Result::unwrap()` on an `Err` value: VmCreate(No such file or "
        "directory (os "
        "error 2))', src/main.rs:304:22",
    ),
)
