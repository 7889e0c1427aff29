"""Explanations of the layer ``storage``: pools, room, and who may read guests' disks."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain import backups, linux_guest
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_LIST = Look(
    "virsh -c qemu:///system pool-list --all",
    " Name      State    Autostart\n-------------------------------\n default   active   yes",
    " Name   State   Autostart\n---------------------------",
)

_LAYER = Layer(
    N_("where guests' disks are, and who may read them"),
    (
        N_("A guest's disk is mostly one large file on the host, a disk image."),
        N_("A storage pool is a place that libvirt knows; the one named default is /var/lib/libvirt/images."),
    ),
    (
        N_("New disks are made in the default pool."),
        N_("QEMU runs as a user of its own, which must be able to reach the file, through every directory above it."),
    ),
    (
        _LIST,
        Look(
            "df -h /var/lib/libvirt/images",
            "Filesystem      Size  Used Avail Use% Mounted on\n/dev/vda2        98G   21G   73G  23% /",
            "",
        ),
    ),
    ("https://libvirt.org/storage.html", "https://libvirt.org/formatstorage.html", "qemu-img(1)"),
)

_TOPICS = {
    "storage.default-pool": Topic(
        N_("The default storage pool"),
        (
            N_("The directory in which libvirt makes and finds disk images, and its name in libvirt."),
            N_("It must be defined, active, and marked to start at boot (autostart)."),
        ),
        (N_("virt-install, virt-manager, Vagrant and Terraform put disks there unless told otherwise."),),
        (_LIST,),
        ("https://libvirt.org/storage.html", "virsh(1)"),
    ),
    "storage.space": Topic(
        N_("Room for guests' disks"),
        (
            N_("A small Linux guest needs about 5 GiB, a Windows guest 64 GiB."),
            N_("An image in the format qcow2 begins small and grows as the guest writes."),
        ),
        (N_("When the host's disk is full, guests that write are paused, and their data may be damaged."),),
        (
            Look(
                "df -h /var/lib/libvirt/images",
                "Filesystem      Size  Used Avail Use% Mounted on\n/dev/vda2        98G   21G   73G  23% /",
                "Filesystem      Size  Used Avail Use% Mounted on\n/dev/vda2       9.8G  9.7G     0 100% /",
            ),
        ),
        ("df(1)", "du(1)", "qemu-img(1)"),
    ),
    "storage.image": Topic(
        N_("A cloud image"),
        (
            N_("A disk with an installed system, made by a distribution, from which a guest starts at once."),
            N_("Its maker publishes a checksum beside it, over HTTPS; the file is right if it has that checksum."),
        ),
        (
            N_("prove --level linux and vm create start guests from one; what was changed on the way is not started."),
            N_("Downloads are kept in /var/cache/kvmready/images (root) or ~/.cache/kvmready/images."),
        ),
        (
            Look(
                "qemu-img info debian-12-generic-amd64.qcow2",
                "file format: qcow2\nvirtual size: 3 GiB (3221225472 bytes)",
                "file format: raw\nvirtual size: 1.5 KiB (1536 bytes)",
                N_("A damaged file, or a web page saved by mistake, is taken for raw."),
            ),
        ),
        ("https://cloudinit.readthedocs.io/", "qemu-img(1)", "sha256sum(1)"),
    ),
    "storage.path": Topic(
        N_("The way to a disk image"),
        (
            N_("To open a file, a program must be allowed to pass through (x) every directory on its path."),
            N_("QEMU runs as libvirt-qemu on Debian and Ubuntu, as qemu on Fedora and RHEL, not as you."),
        ),
        (N_("Home directories are closed to other users, so that an image in there cannot be reached."),),
        (
            Look(
                "namei -l /var/lib/libvirt/images",
                "drwxr-xr-x root root /\n"
                "drwxr-xr-x root root var\n"
                "drwxr-xr-x root root lib\n"
                "drwxr-xr-x root root libvirt\n"
                "drwx--x--x root root images",
                "drwxr-xr-x root  root  /\ndrwxr-xr-x root  root  home\ndrwx------ alice alice alice",
                N_("Good: each directory has an x for all, or for QEMU's user."),
            ),
            Look("getfacl -p /home/alice", "user:libvirt-qemu:--x", ""),
        ),
        ("namei(1)", "setfacl(1)", "getfacl(1)"),
    ),
    "storage.apparmor": Topic(
        N_("AppArmor and guests"),
        (
            N_("AppArmor limits programs to a list of files. Debian, Ubuntu and openSUSE use it."),
            N_("libvirt writes a list for each guest when it starts, from the guest's definition."),
        ),
        (N_("It keeps a hostile guest from reading the host's files. A path that is not on the list is refused."),),
        (
            Look(
                "# journalctl -k -b | grep 'apparmor=\"DENIED\"'",
                "",
                'apparmor="DENIED" operation="open" profile="libvirt-5b1f..."\n'
                'name="/srv/vm/disk.qcow2" comm="qemu-system-x86"',
                N_("Good: no line that names libvirt-* or virt-aa-helper."),
            ),
        ),
        ("https://libvirt.org/drvqemu.html", "apparmor(7)", "https://wiki.debian.org/AppArmor"),
    ),
    "storage.selinux": Topic(
        N_("SELinux and guests"),
        (
            N_(
                "SELinux gives every file and program a label, and rules say which goes with which. Fedora and "
                "RHEL use it."
            ),
            N_("libvirt labels a guest's disks when the guest starts; the directories must carry a fitting label."),
        ),
        (N_("It keeps guests apart from the host and from each other. A disk in a strange place is refused."),),
        (
            Look(
                "ls -dZ /var/lib/libvirt/images",
                "system_u:object_r:virt_image_t:s0 /var/lib/libvirt/images",
                "unconfined_u:object_r:user_home_t:s0 /home/alice/vm",
            ),
            Look(
                "# ausearch -m avc -ts today | grep svirt",
                "",
                'avc:  denied  { read } for comm="qemu-kvm" name="disk.qcow2"\n'
                "scontext=system_u:system_r:svirt_t:s0:c1,c2",
            ),
        ),
        ("https://libvirt.org/drvqemu.html", "semanage-fcontext(8)", "restorecon(8)"),
    ),
}

_CAUSES = {
    "storage.pool-missing": Wrong(
        "storage.default-pool",
        (
            N_(
                "libvirt works, but knows no pool named default. On Debian nobody makes it before virt-install or "
                "virt-manager does."
            ),
        ),
        (
            Do(
                N_("It defines, starts and autostarts the pool. By hand:"),
                (
                    "# virsh -c qemu:///system pool-define-as default dir --target /var/lib/libvirt/images",
                    "# virsh -c qemu:///system pool-build default",
                    "# virsh -c qemu:///system pool-start default",
                    "# virsh -c qemu:///system pool-autostart default",
                ),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system pool-info default",
                "",
                "error: failed to get pool 'default'\n"
                "error: Storage pool not found: no storage pool with matching name\n'default'",
            ),
        ),
    ),
    "storage.pool-inactive": Wrong(
        "storage.default-pool",
        (N_("The pool is defined, but it is off now, or it will be off after the next boot."),),
        (
            Do(
                N_("It starts the pool and has it started at every boot. By hand:"),
                ("# virsh -c qemu:///system pool-start default", "# virsh -c qemu:///system pool-autostart default"),
            ),
            Do(N_("If it does not start, look whether its directory is there and its disk is mounted.")),
        ),
    ),
    "storage.pool-elsewhere": Wrong(
        "storage.default-pool",
        (
            N_("The configuration file names a directory (storage.path), and the default pool is at another."),
            N_("kvmready does not move a pool that is defined: guests have disks in it."),
        ),
        (
            Do(
                N_("Remove its definition, which touches no disk, and have it defined again:"),
                (
                    "# virsh -c qemu:///system pool-destroy default",
                    "# virsh -c qemu:///system pool-undefine default",
                    "# kvmready up",
                ),
            ),
            Do(
                N_(
                    "Guests know their disks by path and keep them. To move one, switch its guest off and edit the "
                    "path."
                )
            ),
            Do(N_("Or write the path that it has into the configuration file.")),
        ),
        (
            Look(
                "virsh -c qemu:///system pool-dumpxml default",
                "    <path>/srv/guests</path>",
                "    <path>/var/lib/libvirt/images</path>",
            ),
        ),
    ),
    "storage.path-unreachable": Wrong(
        "storage.path",
        (N_("QEMU's user may not pass through a directory above the image, mostly a home directory."),),
        (
            Do(
                N_("It lets only QEMU's user pass through only these directories, without reading them. By hand:"),
                ("# setfacl -m u:libvirt-qemu:x /home/alice    # or qemu",),
            ),
            Do(
                N_("Better: keep images in the pool, which is made for that."),
                ("# mv /home/alice/vm.qcow2 /var/lib/libvirt/images/", "# virsh edit GUEST    # <source file='...'/>"),
            ),
            Do(N_("Do not open the home directory to everybody (chmod 755) for this.")),
        ),
        (
            Look(
                "virsh start GUEST",
                "",
                "error: Cannot access storage file '/home/alice/vm.qcow2'\n(as uid:64055, gid:104): Permission denied",
            ),
        ),
    ),
    "storage.no-space": Wrong(
        "storage.space",
        (N_("The file system of the pool has too little room for one more guest."),),
        (
            Do(N_("See what takes the room:"), ("# du -xh -d1 /var/lib/libvirt | sort -h",)),
            Do(
                N_("Old images, snapshots and package caches are the usual finds:"),
                ("# ls -lhS /var/lib/libvirt/images", "# apt-get clean    # Debian, Ubuntu"),
            ),
            Do(
                N_("Or put a pool on a larger disk:"),
                (
                    "# virsh -c qemu:///system pool-define-as big dir --target /srv/images",
                    "# virsh -c qemu:///system pool-build big",
                    "# virsh -c qemu:///system pool-start big",
                    "# virsh -c qemu:///system pool-autostart big",
                ),
            ),
        ),
    ),
    "storage.image-download": Wrong(
        "storage.image",
        (N_("The server that has the image, or its checksum, gave no answer, or another than was asked for."),),
        (
            Do(N_("Look for the way out and for name service:"), ("ip route", "getent hosts cloud.debian.org")),
            Do(N_("Behind a proxy, say so in the environment:"), ("export https_proxy=http://proxy.example:3128",)),
            Do(
                N_("Or bring the file by other means, and give its path:"),
                ("kvmready prove --level linux --image ./disk.qcow2",),
            ),
        ),
    ),
    "storage.image-checksum": Wrong(
        "storage.image",
        (
            N_("The file is whole, and other than the one that the checksum is of; a download was thrown away."),
            N_("Mostly a mirror is in the middle of an update; it can also be somebody who changed the file."),
        ),
        (
            Do(N_("Try again after some hours.")),
            Do(N_("Compare by hand with what the maker publishes:"), ("sha256sum ./disk.qcow2",)),
        ),
    ),
    "storage.image-invalid": Wrong(
        "storage.image",
        (
            N_("The file is damaged, compressed, of another program's format, or holds no system that starts."),
            N_("A qcow2 image that stands on another file is refused: QEMU would open that file, whatever it is."),
        ),
        (
            Do(
                N_("Unpack it, or convert it:"),
                ("xz -dk disk.qcow2.xz", "qemu-img convert -O qcow2 disk.vmdk disk.qcow2"),
            ),
            Do(N_("Look whether it is whole:"), ("qemu-img check disk.qcow2",)),
            Do(N_("Or take a known one:"), ("kvmready prove --level linux --image debian-12",)),
        ),
    ),
    "storage.apparmor-denied": Wrong(
        "storage.apparmor",
        (
            N_("The guest's list does not contain a file that QEMU wants to open."),
            N_("That happens with unusual places, with backing files, and with disks given as a volume of a pool."),
        ),
        (
            Do(N_("Best: move the image into the pool /var/lib/libvirt/images, which is on every list.")),
            Do(
                N_(
                    "Or allow the directory for all guests: add a line to "
                    "/etc/apparmor.d/local/abstractions/libvirt-qemu."
                ),
                ("| /srv/vm/** rwk,",),
            ),
            Do(
                N_(
                    "For the helper that looks at the disks, add one to "
                    "/etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper."
                ),
                ("| /srv/vm/** r,",),
            ),
            Do(
                N_("Load the helper's list again, and switch the guest off and on:"),
                ("# apparmor_parser -r /etc/apparmor.d/usr.lib.libvirt.virt-aa-helper",),
            ),
            Do(N_("Do not switch AppArmor or libvirt's security driver off: they keep guests from the host.")),
        ),
        (
            Look(
                "virsh start GUEST",
                "",
                "error: internal error: process exited while connecting to monitor:\n"
                "Could not open '/srv/vm/disk.qcow2': Permission denied",
            ),
        ),
        ("apparmor_parser(8)",),
    ),
    "storage.selinux-denied": Wrong(
        "storage.selinux",
        (N_("The image or its directory has a label that guests may not use, mostly that of a home directory."),),
        (
            Do(
                N_("Give the directory the label of disk images, and keep it that way:"),
                ("# semanage fcontext -a -t virt_image_t '/srv/vm(/.*)?'", "# restorecon -R /srv/vm"),
            ),
            Do(N_("Images on NFS need a switch instead:"), ("# setsebool -P virt_use_nfs on",)),
            Do(N_("Do not switch SELinux off: it keeps guests from the host.")),
        ),
    ),
}

_CHECKS = {
    "storage.default-pool": Asked("storage.default-pool"),
    "storage.pool-autostart": Asked(
        "storage.default-pool", N_("The default storage pool, at every boot"), ("storage.pool-inactive",)
    ),
    "storage.space": Asked("storage.space"),
    "storage.inodes": Asked("storage.space", N_("Room for more files in the pool")),
    "storage.tmp-space": Asked("storage.space", N_("Room for temporary files and logs")),
    "storage.pool-path": Asked("storage.path", N_("The way to the pool, for QEMU's user")),
    "storage.images-home": Asked("storage.path", N_("The way to the disks of the guests that are defined")),
    "storage.apparmor": Asked("storage.apparmor"),
    "storage.selinux": Asked("storage.selinux"),
}

ROOM = Room(
    _LAYER,
    {**_TOPICS, **backups.STORAGE_TOPICS},
    {**_CAUSES, **linux_guest.STORAGE_CAUSES, **backups.STORAGE_CAUSES},
    _CHECKS,
)
