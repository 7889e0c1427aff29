"""Explanations of what only a configuration file asks for: huge pages, guests that start by themselves, a bridge."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Asked, Do, Look, Topic, Wrong

_BRIDGE_LOOK = Look(
    "ip -brief link show master br0",
    "eth1             UP             52:54:00:aa:bb:cc <BROADCAST,UP>",
    'Error: argument "br0" is wrong: Device does not exist',
)

KERNEL_CAUSES = {
    "kernel.hugepages-missing": Wrong(
        "kernel.hugepages",
        (N_("The configuration file wants more (hugepages) than are reserved now, or at the next boot."),),
        (
            Do(
                N_("It writes a file for every boot, and reserves them now. By hand:"),
                (
                    "# echo vm.nr_hugepages=1024 > /etc/sysctl.d/zz-hugepages.conf",
                    "# sysctl -w vm.nr_hugepages=1024",
                ),
            ),
            Do(N_("Where the kernel finds less room, reboot: they are reserved early then."), ("# reboot",)),
        ),
    ),
}

LIBVIRT_TOPICS = {
    "libvirt.autostart": Topic(
        N_("Guests that start with the host"),
        (
            N_("libvirt starts the guests that are marked so when its daemon starts, which is at every boot."),
            N_("The configuration file names those that shall be marked (autostart)."),
        ),
        (N_("A guest without the mark stays off after a reboot, until somebody starts it."),),
        (
            Look(
                "virsh -c qemu:///system list --all --autostart",
                " Id   Name   State\n-----------------------\n 1    web    running",
                " Id   Name   State\n--------------------",
            ),
        ),
        ("virsh(1)",),
    ),
}

LIBVIRT_CAUSES = {
    "libvirt.guest-undefined": Wrong(
        "libvirt.autostart",
        (N_("The configuration file names a guest that libvirt's system connection does not have."),),
        (
            Do(N_("Look at how the guests are called:"), ("virsh -c qemu:///system list --all",)),
            Do(
                N_("Define the guest, or take its name out of the file."), ("virsh -c qemu:///system define GUEST.xml",)
            ),
        ),
    ),
    "libvirt.guest-no-autostart": Wrong(
        "libvirt.autostart",
        (N_("The guest is there, but libvirt would not start it at the next boot."),),
        (Do(N_("It sets the mark. By hand:"), ("virsh -c qemu:///system autostart GUEST",)),),
    ),
}

NETWORK_TOPICS = {
    "network.bridge": Topic(
        N_("A bridge on an interface of the host"),
        (
            N_("Guests on it are in the network of the host itself: its DHCP server gives them their addresses."),
            N_("The host's addresses move from the interface to the bridge, in which the interface then is."),
            N_("Asked for only by the configuration file: network.bridge and network.interface."),
        ),
        (
            N_("With the default network, nobody outside of the host reaches a guest by itself; here everybody does."),
            N_(
                "One mistake, and the host is not reached any more: so the change is taken back unless it is confirmed."
            ),
        ),
        (_BRIDGE_LOOK, Look("ip -brief address show br0", "br0              UP             192.168.1.10/24")),
        ("https://libvirt.org/formatnetwork.html", "bridge(8)"),
    ),
}

NETWORK_CAUSES = {
    "network.interface-missing": Wrong(
        "network.bridge",
        (N_("The configuration file names an interface that this host does not have."),),
        (Do(N_("Look at which there are, and write one of them into the file:"), ("ip -brief link",)),),
    ),
    "network.interface-unfit": Wrong(
        "network.bridge",
        (
            N_("A bridge takes Ethernet interfaces only, and none that is in another bridge or bond."),
            N_("A wireless card is none: its access point takes packets of one address only."),
        ),
        (
            Do(N_("Look at what it is, and at what it is in:"), ("ip -details link show dev eth1",)),
            Do(N_("Name another interface; where there is none, leave the bridge out: guests reach out by NAT.")),
        ),
    ),
    "network.manager-unknown": Wrong(
        "network.bridge",
        (N_("None of the programs that kvmready knows sets this interface up, so that none would keep a bridge."),),
        (
            Do(N_("Find out who does:"), ("networkctl list", "nmcli device", "grep -r eth1 /etc/network")),
            Do(N_("Make the bridge there, by that program's manual; kvmready then sees it.")),
        ),
    ),
    "network.bridge-missing": Wrong(
        "network.bridge",
        (N_("The bridge that is wanted is not there, or the interface is not in it."),),
        (
            Do(
                N_("It makes the bridge where the interface is set up by settings that it understands. Look at them:"),
                ("kvmready plan --only network",),
            ),
            Do(N_("By hand, do it from a console, not over the interface itself."), ("# nmtui", "# netplan try")),
        ),
        (_BRIDGE_LOOK,),
    ),
    "network.bridge-undefined": Wrong(
        "network.bridge",
        (N_("The bridge may be there, but libvirt has no network of its name for guests to be plugged into."),),
        (
            Do(
                N_("It defines a network of the kind bridge. By hand:"),
                (
                    "# virsh -c qemu:///system net-define br0.xml",
                    "# virsh -c qemu:///system net-start br0",
                    "# virsh -c qemu:///system net-autostart br0",
                ),
            ),
        ),
        (Look("virsh -c qemu:///system net-info br0", "", "error: failed to get network 'br0'"),),
    ),
}

LIBVIRT_CHECKS = {
    "libvirt.guests": Asked(
        "libvirt.autostart", N_("The guests that shall start with the host"), ("libvirt.guest-undefined",)
    ),
    "libvirt.autostart": Asked("libvirt.autostart", "", ("libvirt.guest-no-autostart",)),
}

NETWORK_CHECKS = {
    "network.bridge": Asked(
        "network.bridge",
        "",
        (
            "network.interface-missing",
            "network.interface-unfit",
            "network.manager-unknown",
            "network.bridge-missing",
        ),
    ),
    "network.bridge-network": Asked(
        "network.bridge", N_("libvirt's network on the bridge"), ("network.bridge-undefined",)
    ),
}
