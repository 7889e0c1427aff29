"""Explanations of the layer ``network``: the default network, who serves it, and what lets its packets through."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain import linux_guest, wanted
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_LIST = Look(
    "virsh -c qemu:///system net-list --all",
    " Name      State    Autostart   Persistent\n"
    "--------------------------------------------\n"
    " default   active   yes         yes",
    " Name   State   Autostart   Persistent\n----------------------------------------",
)

_LAYER = Layer(
    N_("gives guests addresses and a way out"),
    (
        N_(
            "libvirt's network named default is a small network inside of the host: 192.168.122.0/24 on the "
            "bridge virbr0."
        ),
        N_("A bridge is a switch in software. dnsmasq hands out addresses on it and answers DNS."),
        N_("Guests reach the world through the host's own address (NAT); the world does not reach them by itself."),
    ),
    (
        N_("virt-install and virt-manager plug a new guest into this network unless told otherwise."),
        N_("If it is off, the guest does not start. If its packets are dropped, the guest runs without a network."),
    ),
    (
        _LIST,
        Look(
            "ip -brief address show virbr0",
            "virbr0           DOWN           192.168.122.1/24",
            'Device "virbr0" does not exist.',
            N_("DOWN is fine: it becomes UP with the first guest."),
        ),
    ),
    ("https://libvirt.org/formatnetwork.html", "https://libvirt.org/firewall.html", "virsh(1)"),
)

_TOPICS = {
    "network.default-network": Topic(
        N_("The default network"),
        (
            N_(
                "A network that libvirt itself makes when it starts it: bridge, addresses, DHCP, DNS and "
                "firewall rules."
            ),
            N_("It must be defined, active, and marked to start at boot (autostart)."),
        ),
        (N_("Nearly every guide and tool puts guests there."),),
        (_LIST, Look("virsh -c qemu:///system net-dumpxml default")),
        ("https://libvirt.org/formatnetwork.html", "virsh(1)"),
    ),
    "network.dnsmasq": Topic(
        N_("dnsmasq, which gives guests addresses and names"),
        (
            N_(
                "A small DHCP and DNS server. libvirt starts one for each of its networks, with a configuration "
                "of its own."
            ),
            N_("Only the program is needed, not the system's service of the same name."),
        ),
        (N_("Without it the network does not start. With another server in its place it cannot listen."),),
        (
            Look(
                "ls -l /usr/sbin/dnsmasq",
                "-rwxr-xr-x 1 root root 484472 Mar  3  2024 /usr/sbin/dnsmasq",
                "ls: cannot access '/usr/sbin/dnsmasq': No such file or directory",
            ),
            Look(
                "# ss -lnup | grep -E ':(53|67) '",
                'UNCONN 0 0 192.168.122.1:53 0.0.0.0:* users:(("dnsmasq",pid=901,...\n'
                'UNCONN 0 0 0.0.0.0%virbr0:67 0.0.0.0:* users:(("dnsmasq",pid=901,...',
                'UNCONN 0 0 0.0.0.0:53 0.0.0.0:* users:(("named",pid=640,fd=20))',
            ),
        ),
        ("dnsmasq(8)", "ss(8)"),
    ),
    "network.forwarding": Topic(
        N_("Forwarding, which lets guests' packets pass through the host"),
        (
            N_("A Linux machine passes packets on between its networks only when net.ipv4.ip_forward is 1."),
            N_("libvirt switches that on when it starts a network with NAT."),
        ),
        (N_("With 0, guests reach the host and each other, but nothing beyond."),),
        (Look("sysctl net.ipv4.ip_forward", "net.ipv4.ip_forward = 1", "net.ipv4.ip_forward = 0"),),
        ("sysctl.d(5)", "https://libvirt.org/firewall.html"),
    ),
    "network.firewall": Topic(
        N_("Firewall rules for guests"),
        (
            N_("libvirt adds rules of its own: they let DHCP and DNS in, pass guests' packets on, and do the NAT."),
            N_("Until libvirt 10.4 it used the program iptables; since then it uses nft where it can."),
        ),
        (N_("Without these rules the network does not start, or guests get no address or no way out."),),
        (
            Look(
                "# iptables -S | grep LIBVIRT    # iptables",
                "-N LIBVIRT_FWI\n-N LIBVIRT_FWO\n-N LIBVIRT_FWX\n-N LIBVIRT_INP\n-N LIBVIRT_OUT\n"
                "-A INPUT -j LIBVIRT_INP",
                "",
            ),
            Look(
                "# nft list table ip libvirt_network    # nftables",
                "table ip libvirt_network {\n  chain forward { ...",
                "Error: No such file or directory",
                N_("One of the two has rules, while a network is active."),
            ),
        ),
        ("https://libvirt.org/firewall.html", "iptables(8)", "nft(8)"),
    ),
    "network.docker-forward": Topic(
        N_("Docker and guests on one host"),
        (
            N_("Docker sets the firewall's rule for forwarded packets (the policy of FORWARD) to DROP."),
            N_("It lets its own containers through, and nobody else."),
        ),
        (N_("Guests then reach the host, but not the world; it looks like a fault of the guest."),),
        (
            Look("# iptables -S FORWARD | head -1", "-P FORWARD ACCEPT", "-P FORWARD DROP"),
            Look(
                "# iptables -S DOCKER-USER",
                "-N DOCKER-USER\n-A DOCKER-USER -i virbr0 -j ACCEPT\n-A DOCKER-USER -o virbr0 -j ACCEPT",
                "-N DOCKER-USER\n-A DOCKER-USER -j RETURN",
            ),
        ),
        ("https://docs.docker.com/engine/network/firewall-iptables/", "iptables(8)"),
    ),
    "network.bridge-helper": Topic(
        N_("QEMU's bridge helper"),
        (
            N_(
                "A small program that runs as root for one purpose: it plugs a guest of an ordinary user into a bridge."
            ),
            N_("The file /etc/qemu/bridge.conf names the bridges that it may use."),
        ),
        (N_("Only guests that users start without the system's libvirt, on a bridge, need it."),),
        (
            Look(
                "stat -c '%A %U %n' /usr/lib/qemu/qemu-bridge-helper",
                "-rwsr-xr-x root /usr/lib/qemu/qemu-bridge-helper",
                "-rwxr-xr-x root /usr/lib/qemu/qemu-bridge-helper",
                N_("Good: an s in the mode. On Fedora and RHEL the path begins with /usr/libexec."),
            ),
            Look("cat /etc/qemu/bridge.conf", "allow virbr0", "cat: /etc/qemu/bridge.conf: No such file or directory"),
        ),
        ("https://wiki.qemu.org/Features/HelperNetworking", "qemu-system(1)"),
    ),
}

_CAUSES = {
    "network.default-undefined": Wrong(
        "network.default-network",
        (N_("libvirt works, but knows no network named default: it was removed, or never made."),),
        (
            Do(
                N_("It defines, starts and autostarts the network. By hand:"),
                (
                    "# virsh -c qemu:///system net-define /usr/share/libvirt/networks/default.xml",
                    "# virsh -c qemu:///system net-start default",
                    "# virsh -c qemu:///system net-autostart default",
                ),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system net-info default",
                "",
                "error: failed to get network 'default'\n"
                "error: Network not found: no network with matching name 'default'",
            ),
        ),
    ),
    "network.default-inactive": Wrong(
        "network.default-network",
        (N_("The network is defined but was not started; a guest on it does not start either."),),
        (
            Do(
                N_("It starts the network and has it started at every boot. By hand:"),
                ("# virsh -c qemu:///system net-start default", "# virsh -c qemu:///system net-autostart default"),
            ),
            Do(
                N_("If it does not start, the message names the reason; kvmready looks for it:"),
                ("kvmready check --only network",),
            ),
        ),
        (Look("virsh start GUEST", "", "error: Requested operation is not valid: network 'default' is not active"),),
    ),
    "network.default-no-autostart": Wrong(
        "network.default-network",
        (N_("It is active now. After the next boot it will be off, and guests will not start."),),
        (Do(N_("It sets the mark. By hand:"), ("# virsh -c qemu:///system net-autostart default",)),),
        (
            Look(
                "virsh -c qemu:///system net-info default | grep Autostart", "Autostart:      yes", "Autostart:      no"
            ),
        ),
    ),
    "network.subnet-clash": Wrong(
        "network.default-network",
        (
            N_(
                "The addresses of the default network, mostly 192.168.122.0/24, already belong to another "
                "interface here."
            ),
            N_("That is the rule in a guest that becomes a host itself: its own network has the same addresses."),
        ),
        (
            Do(N_("It gives the default network another subnet that nothing here uses, and says which in the plan.")),
            Do(
                N_("By hand: change 122 to a free number in the three addresses, and start the network again."),
                (
                    "# virsh -c qemu:///system net-edit default",
                    "# virsh -c qemu:///system net-destroy default",
                    "# virsh -c qemu:///system net-start default",
                ),
            ),
            Do(
                N_(
                    "Where the configuration file names the subnet (network.subnet), a person chose it: choose another "
                    "there."
                )
            ),
            Do(N_("While the network is active with guests on it, kvmready leaves it alone and only warns.")),
        ),
        (
            Look(
                "ip route",
                "192.168.122.0/24 dev virbr0 proto kernel scope link",
                "192.168.122.0/24 dev ens3 proto kernel scope link",
            ),
            Look(
                "virsh -c qemu:///system net-start default",
                "Network default started",
                "error: internal error: Network is already in use by interface ens3",
            ),
        ),
    ),
    "network.other-subnet": Wrong(
        "network.default-network",
        (
            N_("The configuration file names a subnet (network.subnet), and the default network has another."),
            N_("kvmready does not move a network that is defined: guests may know its addresses."),
        ),
        (
            Do(
                N_("Switch off the guests that use it, remove its definition, and have it defined again:"),
                (
                    "# virsh -c qemu:///system net-destroy default",
                    "# virsh -c qemu:///system net-undefine default",
                    "# kvmready up",
                ),
            ),
            Do(N_("Or write the subnet that it has into the configuration file.")),
        ),
        (
            Look(
                "virsh -c qemu:///system net-dumpxml default",
                "  <ip address='192.168.150.1' netmask='255.255.255.0'>",
                "  <ip address='192.168.122.1' netmask='255.255.255.0'>",
            ),
        ),
    ),
    "network.stale-bridge": Wrong(
        "network.default-network",
        (
            N_(
                "A bridge named virbr0 is left over from a libvirt that was removed or killed; libvirt cannot "
                "make its own."
            ),
        ),
        (
            Do(
                N_("It removes the left-over bridge, which nothing is plugged into, and starts the network. By hand:"),
                ("# ip link delete virbr0 type bridge", "# virsh -c qemu:///system net-start default"),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system net-start default",
                "",
                "error: error creating bridge interface virbr0: File exists",
            ),
        ),
        ("ip-link(8)",),
    ),
    "network.dnsmasq-missing": Wrong(
        "network.dnsmasq",
        (N_("The program dnsmasq was not found, so that no network of libvirt can start."),),
        (
            Do(
                N_(
                    "It installs the program. By hand, on Debian and Ubuntu (not the package dnsmasq, which is a "
                    "service):"
                ),
                ("# apt-get install dnsmasq-base",),
            ),
            Do(N_("Fedora and RHEL:"), ("# dnf install dnsmasq",)),
        ),
        (
            Look(
                "virsh -c qemu:///system net-start default",
                "",
                "error: Cannot check dnsmasq binary /usr/sbin/dnsmasq:\nNo such file or directory",
            ),
        ),
    ),
    "network.dnsmasq-conflict": Wrong(
        "network.dnsmasq",
        (
            N_("Another DNS or DHCP server listens on all addresses, also on the one that libvirt's dnsmasq needs."),
            N_("systemd-resolved is not it: it listens on 127.0.0.53 only."),
        ),
        (
            Do(N_("Find out which program it is:"), ("# ss -lnup | grep -E ':(53|67) '",)),
            Do(
                N_("A dnsmasq of the system: put these lines into /etc/dnsmasq.d/libvirt.conf."),
                ("| bind-interfaces", "| except-interface=virbr0"),
            ),
            Do(
                N_("BIND (named): in its options, name the addresses that it shall serve."),
                ("| listen-on { 127.0.0.1; 10.0.0.5; };",),
            ),
            Do(
                N_("Restart that service, then start the network:"),
                ("# systemctl restart dnsmasq    # or named", "# virsh -c qemu:///system net-start default"),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system net-start default",
                "",
                "dnsmasq: failed to create listening socket for 192.168.122.1:\nAddress already in use",
            ),
        ),
    ),
    "network.docker-forward-drop": Wrong(
        "network.docker-forward",
        (N_("Docker runs here, forwarded packets are dropped, and no rule lets those of guests through."),),
        (
            Do(
                N_("It lets guests' packets through in DOCKER-USER, the chain that Docker leaves to you. By hand:"),
                ("# iptables -I DOCKER-USER -i virbr0 -j ACCEPT", "# iptables -I DOCKER-USER -o virbr0 -j ACCEPT"),
            ),
            Do(N_("Rules that were set by hand are gone after a reboot.")),
            Do(
                N_("Docker 28 and later can leave the policy alone; in /etc/docker/daemon.json:"),
                ('| { "ip-forward-no-drop": true }',),
            ),
        ),
        (
            Look(
                "ping -c1 1.1.1.1",
                "1 packets transmitted, 1 received, 0% packet loss",
                "1 packets transmitted, 0 received, 100% packet loss",
                N_("Inside of a guest."),
            ),
        ),
    ),
    "network.firewall-backend": Wrong(
        "network.firewall",
        (
            N_(
                "The program with which libvirt sets its rules is missing, or its rules are mixed with those of "
                "the other kind."
            ),
        ),
        (
            Do(N_("Install what is missing. Debian and Ubuntu:"), ("# apt-get install iptables nftables",)),
            Do(N_("Fedora and RHEL:"), ("# dnf install nftables iptables-nft",)),
            Do(
                N_("When iptables-legacy and nft both hold rules, use one kind for everything; on Debian and Ubuntu:"),
                ("# update-alternatives --set iptables /usr/sbin/iptables-nft", "# reboot"),
            ),
            Do(
                N_("libvirt 10.4 and later: choose in /etc/libvirt/network.conf, and start the daemon again."),
                ('| firewall_backend = "nftables"',),
            ),
        ),
        (
            Look(
                "virsh -c qemu:///system net-start default",
                "",
                "error: internal error: Failed to apply firewall rules ... iptables:\n"
                "table `nat' is incompatible, use 'nft' tool.",
            ),
            Look("iptables --version", "iptables v1.8.9 (nf_tables)", "bash: iptables: command not found"),
        ),
        ("update-alternatives(1)",),
    ),
    "network.firewall-reloaded": Wrong(
        "network.firewall",
        (
            N_("The network is active, but libvirt's rules are gone: a firewall was reloaded and began from nothing."),
            N_("ferm, shorewall, a script with iptables -F, or nft flush ruleset do that."),
        ),
        (
            Do(
                N_("It lets libvirt set its rules again; guests that run go on running. By hand:"),
                ("# systemctl restart libvirtd    # or virtnetworkd",),
            ),
            Do(N_("Have your firewall do the same after each of its reloads, or flush only its own tables.")),
        ),
    ),
    "network.bridge-helper": Wrong(
        "network.bridge-helper",
        (N_("The helper has no right to make the connection, or the bridge is not in its list."),),
        (
            Do(
                N_("It names the bridge and gives the helper its right. By hand, name the bridge:"),
                ("# mkdir -p /etc/qemu", '# echo "allow virbr0" >> /etc/qemu/bridge.conf'),
            ),
            Do(
                N_("Give the helper its right, on Debian and Ubuntu in a way that updates keep:"),
                ("# dpkg-statoverride --update --add root root 4755 /usr/lib/qemu/qemu-bridge-helper",),
            ),
            Do(N_("Guests under qemu:///system do not need it.")),
        ),
        (
            Look(
                "virsh -c qemu:///session start GUEST",
                "",
                "failed to parse default acl file `/etc/qemu/bridge.conf'\n"
                "failed to create tun device: Operation not permitted",
            ),
        ),
    ),
    "network.forwarding-off": Wrong(
        "network.forwarding",
        (
            N_(
                "Something set ip_forward to 0 after libvirt had switched it on: often a hardening script or a "
                "sysctl file."
            ),
        ),
        (
            Do(
                N_("It sets the value, now and for every boot. By hand:"),
                (
                    "# sysctl -w net.ipv4.ip_forward=1",
                    "# echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/90-kvm-forward.conf",
                ),
            ),
            Do(
                N_("Find the file that says 0, since it would win again:"),
                ("grep -rs ip_forward /etc/sysctl.conf /etc/sysctl.d /usr/lib/sysctl.d",),
            ),
        ),
    ),
}

_CHECKS = {
    "network.dnsmasq": Asked("network.dnsmasq"),
    "network.dnsmasq-conflict": Asked(
        "network.dnsmasq", N_("Whether another server holds dnsmasq's place"), ("network.dnsmasq-conflict",)
    ),
    "network.firewall": Asked(
        "network.firewall", N_("A firewall program that libvirt can use"), ("network.firewall-backend",)
    ),
    "network.firewall-rules": Asked("network.firewall", N_("libvirt's firewall rules"), ("network.firewall-reloaded",)),
    "network.subnet": Asked(
        "network.default-network",
        N_("Addresses that nothing else here uses"),
        ("network.subnet-clash", "network.other-subnet"),
    ),
    "network.stale-bridge": Asked(
        "network.default-network", N_("Whether an old bridge is in the way"), ("network.stale-bridge",)
    ),
    "network.default-network": Asked("network.default-network"),
    "network.autostart": Asked(
        "network.default-network", N_("The default network, at every boot"), ("network.default-no-autostart",)
    ),
    "network.forwarding": Asked("network.forwarding"),
    "network.docker-forward": Asked("network.docker-forward"),
    "network.bridge-helper": Asked("network.bridge-helper"),
}

ROOM = Room(
    _LAYER,
    {**_TOPICS, **wanted.NETWORK_TOPICS},
    {**_CAUSES, **linux_guest.NETWORK_CAUSES, **wanted.NETWORK_CAUSES},
    {**_CHECKS, **wanted.NETWORK_CHECKS},
)
