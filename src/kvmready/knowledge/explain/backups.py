"""Explanations of what shows only when a guest is backed up or restored."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Do, Look, Topic, Wrong

_LIST = Look(
    "# kvmready backup list",
    "  ✓  20261128T023731Z-8c966d22  the host  22.7 KiB",
    "  ✗  20261128T023731Z-8c966d22  host.tar.zst is missing",
)

STORAGE_TOPICS = {
    "storage.backups": Topic(
        N_("Backups of guests"),
        (
            N_("A folder for each backup, with the guest's disks, its definition and a manifest: manifest.json."),
            N_("The manifest has the SHA-256 of every file, and is written last: without it there is no backup."),
        ),
        (N_("A disk of the host can fail, and a command can hit the wrong guest. A backup that was verified helps."),),
        (_LIST, Look("# kvmready backup verify", "  ✓  All 3 backups are good.", "  1 of 3 are damaged.")),
        ("https://libvirt.org/kbase/live_full_disk_backup.html", "sha256sum(1)", "qemu-img(1)"),
    ),
    "storage.guest-disk": Topic(
        N_("The disk of a guest"),
        (
            N_("The definition of a guest names each of its disks by path, and the format that it has."),
            N_("A qcow2 image can stand on another one, its backing file; then both are needed."),
        ),
        (N_("A disk that was moved, or whose backing file is gone, can be neither started nor backed up."),),
        (
            Look(
                "virsh -c qemu:///system domblklist GUEST",
                " Target   Source\n---------------------------------------------\n"
                " vda      /var/lib/libvirt/images/web.qcow2",
                "",
            ),
            Look(
                "# qemu-img info -U --backing-chain /var/lib/libvirt/images/web.qcow2",
                "file format: qcow2\nvirtual size: 20 GiB (21474836480 bytes)",
                "qemu-img: Could not open '/var/lib/libvirt/images/base.qcow2':\nNo such file or directory",
            ),
        ),
        ("qemu-img(1)", "https://libvirt.org/formatdomain.html"),
    ),
}

STORAGE_CAUSES = {
    "storage.disk-unreadable": Wrong(
        "storage.guest-disk",
        (
            N_("A disk of the guest, its backing file or the state of its TPM is missing, damaged or does not answer."),
            N_("An old image may also not say of what format its backing file is; to guess it would be unsafe."),
        ),
        (
            Do(N_("See what its definition names, and what is there:"), ("virsh -c qemu:///system domblklist GUEST",)),
            Do(
                N_("A disk that was moved: put it back, or change its path."),
                ("# virsh -c qemu:///system edit GUEST",),
            ),
            Do(
                N_("The format of a backing file, said once and for all, while the guest is off:"),
                ("# qemu-img rebase -u -F qcow2 -b BASE.qcow2 DISK.qcow2",),
            ),
            Do(N_("An error of the host's own disk is in the kernel's log:"), ("# dmesg --level=err",)),
        ),
    ),
    "storage.overlay-left": Wrong(
        "storage.guest-disk",
        (
            N_("A backup by a snapshot was killed, and the guest went on writing into an overlay beside its disk."),
            N_("What it wrote since then is in the overlay (.kvmready-….overlay): do not delete it."),
        ),
        (
            Do(
                N_("Start the guest and back it up again: that commits the overlay into the disk first."),
                ("# virsh -c qemu:///system start GUEST", "# kvmready backup create GUEST"),
            ),
        ),
    ),
    "storage.backup-folder": Wrong(
        "storage.backups",
        (
            N_("The folder of the backups cannot be written, or others than root may write there."),
            N_("Whoever can write there could have a disk of theirs restored as the guest's."),
        ),
        (
            Do(
                N_("Look at its owner, its mode and its file system:"),
                ("# stat /var/lib/kvmready/backups", "# findmnt -T /var/lib/kvmready/backups"),
            ),
            Do(
                N_("Make it root's own, or name another one:"),
                (
                    "# chown root:root /srv/backups",
                    "# chmod 700 /srv/backups",
                    "# kvmready backup create --all --to /srv/backups",
                ),
            ),
        ),
    ),
    "storage.backup-busy": Wrong(
        "storage.backups",
        (
            N_("Another kvmready makes, restores or prunes backups on this host. Only one does at a time."),
            N_("It may be the timer's, or somebody else's. Its process ends by itself, and the lock with it."),
        ),
        (
            Do(N_("See who it is and how far:"), ("# systemctl status kvmready-backup.service", "pgrep -af kvmready")),
            Do(N_("Wait for it, or end it with Ctrl-C or a SIGTERM: it cleans up after itself.")),
        ),
    ),
    "storage.backup-damaged": Wrong(
        "storage.backups",
        (
            N_("A file of the backup is missing, or other than when it was made; or what it stands on is gone."),
            N_("A disk that fails does that, a copy that broke off, or somebody who changed it."),
        ),
        (
            Do(N_("See which backups are good, and take the newest of them:"), ("# kvmready backup verify",)),
            Do(N_("Make a new one while the guest is still there:"), ("# kvmready backup create GUEST",)),
            Do(N_("If it is kept twice, copy the whole folder from the other place.")),
            Do(N_("If the host's disk is the reason, replace it before anything else:"), ("# smartctl -a /dev/sda",)),
        ),
    ),
    "storage.restore-in-the-way": Wrong(
        "storage.backups",
        (
            N_("There is a guest or a file where the restored one would go, and nothing is overwritten unasked."),
            N_("A guest that runs is never overwritten."),
        ),
        (
            Do(
                N_("Restore it beside the other, as another guest:"),
                ("# kvmready backup restore GUEST --as NEW",),
            ),
            Do(
                N_("Or overwrite the guest with its backup, once it is off:"),
                ("# virsh -c qemu:///system shutdown GUEST", "# kvmready backup restore GUEST --force"),
            ),
            Do(N_("A file that belongs to no guest: look whose it is, and move it away.")),
        ),
    ),
}

LIBVIRT_TOPICS = {
    "libvirt.guest": Topic(
        N_("A guest that answers"),
        (
            N_("Each guest is a process, QEMU, which libvirt asks over a socket: its monitor."),
            N_("libvirt waits for the answer, and meanwhile nothing else can be done with that guest."),
        ),
        (N_("One guest that hangs does not harm the others, but it can be neither backed up nor stopped in order."),),
        (
            Look(
                "virsh -c qemu:///system domstate --reason GUEST",
                "running (booted)",
                "error: Timed out during operation: cannot acquire state change\nlock",
            ),
        ),
        ("virsh(1)", "https://libvirt.org/drvqemu.html"),
    ),
}

LIBVIRT_CAUSES = {
    "libvirt.guest-hangs": Wrong(
        "libvirt.guest",
        (
            N_("libvirt answers, but the process of this guest does not: it waits for something, or was stopped."),
            N_("Mostly it waits for a disk on storage in the network that is gone; the host may also lack memory."),
        ),
        (
            Do(
                N_("See what its process does (D: it waits for a disk, T: it was stopped):"),
                ("ps -o pid,stat,wchan:20,cmd -C qemu-system-x86_64", "# dmesg --level=err,warn"),
            ),
            Do(N_("A process that was stopped goes on with:"), ("# kill -CONT PID",)),
            Do(N_("Bring its storage back; it then goes on by itself.")),
            Do(
                N_("As the last resort switch it off, as if its power failed, and back it up then:"),
                ("# virsh -c qemu:///system destroy GUEST", "# kvmready backup create GUEST"),
            ),
        ),
    ),
}
