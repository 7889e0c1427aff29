"""Explanations of what shows only when a Linux guest runs: its address, its answer, and the kernel that it borrows."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Do, Look, Topic, Wrong

KERNEL_TOPICS = {
    "kernel.own-image": Topic(
        N_("The host's kernel, lent to a guest"),
        (
            N_("prove --level linux without an image starts a guest with the kernel that runs on the host."),
            N_("It takes the kernel's file and three of its modules, all of the running release."),
        ),
        (N_("So a real Linux can be proved without any download."),),
        (
            Look(
                "ls -l /boot/vmlinuz-$(uname -r)",
                "-rw-r--r-- 1 root root 8218240 Oct 18 10:12 /boot/vmlinuz-6.8.0-60",
                "-rw------- 1 root root 15026568 Oct 18 10:12 /boot/vmlinuz-6.8.0-60",
                N_("Ubuntu lets only root read it."),
            ),
        ),
        ("https://docs.kernel.org/admin-guide/initrd.html",),
    ),
}

KERNEL_CAUSES = {
    "kernel.image-unreadable": Wrong(
        "kernel.own-image",
        (
            N_("The file is not there, only root may read it, or its modules are gone: after an update, say."),
            N_("A container has the kernel of its host, and no file of it."),
        ),
        (
            Do(N_("Prove it as root, for the user:"), ("# kvmready prove --level linux --user alice",)),
            Do(N_("After an update of the kernel, restart into it."), ("# reboot",)),
            Do(N_("Or start the guest from an image:"), ("kvmready prove --level linux --image debian-12",)),
        ),
    ),
}

QEMU_CAUSES = {
    "qemu.guest-silent": Wrong(
        "qemu.guest-memory",
        (
            N_("The guest runs, or ended by itself, and nothing was heard of its system in the time that it had."),
            N_("Mostly the image is for another architecture or firmware, the memory is too small, or it is slow."),
        ),
        (
            Do(
                N_("Keep the guest, and see what it says on its console:"),
                ("kvmready vm create NAME --image IMAGE --no-wait", "kvmready vm console NAME"),
            ),
            Do(N_("Give it more memory, more time, or UEFI: --memory 2G --timeout 900 --uefi")),
        ),
    ),
}

LIBVIRT_CAUSES = {
    "libvirt.refused": Wrong(
        "libvirt.connect",
        (N_("libvirt or QEMU said no in words that kvmready does not know; they stand in the message."),),
        (
            Do(N_("Have the host's logs looked through:"), ("kvmready doctor",)),
            Do(N_("The guest's own log is often plainer:"), ("# tail /var/log/libvirt/qemu/NAME.log",)),
        ),
    ),
}

STORAGE_CAUSES = {
    "storage.not-writable": Wrong(
        "storage.space",
        (
            N_("kvmready keeps images, records and keys in folders of the caller's, and cannot write one of them."),
            N_("It belongs to somebody else, others could write there too, or it is mounted read-only."),
        ),
        (
            Do(
                N_("Look at the folder that the message names, and at those above it:"),
                ("namei -l /var/cache/kvmready/images", "findmnt -T /var/cache/kvmready/images"),
            ),
        ),
    ),
}

NETWORK_CAUSES = {
    "network.no-address": Wrong(
        "network.dnsmasq",
        (
            N_("A guest on the default network asked for an address for a minute, and got none."),
            N_("Mostly a firewall on the host drops its question (UDP port 67 on virbr0), or dnsmasq is gone."),
        ),
        (
            Do(
                N_("See whether the question arrives while a guest starts:"),
                ("# tcpdump -ni virbr0 port 67", "virsh -c qemu:///system net-dhcp-leases default"),
            ),
            Do(
                N_("Start the network again; libvirt then starts dnsmasq and writes its rules anew:"),
                (
                    "# virsh -c qemu:///system net-destroy default",
                    "# virsh -c qemu:///system net-start default",
                ),
            ),
            Do(N_("Let the bridge through the host's own firewall:"), ("# ufw allow in on virbr0",)),
        ),
    ),
    "network.guest-unreachable": Wrong(
        "network.firewall",
        (
            N_("The guest has its address and runs, and the host gets no answer from it."),
            N_("A rule on the host, or a firewall in the guest's image, drops the packets."),
        ),
        (
            Do(N_("See which way is cut:"), ("ip route get 192.168.122.2", "# nft list ruleset")),
            Do(N_("A VPN client may have taken the route to 192.168.122.0/24: disconnect it and try again.")),
        ),
    ),
}
