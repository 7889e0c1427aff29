"""What must name nothing: ordinary logs, ordinary work, and prose about virtualization in both languages."""

from __future__ import annotations

LINES = r"""
Nov 27 10:00:01 box systemd[1]: Started Session 4 of User alice.
Nov 27 10:00:01 box systemd[1]: Starting Daily apt download activities...
Nov 27 10:00:02 box systemd[1]: apt-daily.service: Deactivated successfully.
Nov 27 10:00:02 box systemd[1]: Reached target Multi-User System.
Nov 27 10:00:03 box systemd[1]: Listening on Libvirt local socket.
Nov 27 10:00:03 box systemd[1]: Started Virtualization daemon.
Nov 27 10:00:03 box systemd[1]: libvirtd.service: Deactivated successfully.
Nov 27 10:00:04 box systemd-logind[601]: New session 4 of user alice.
Nov 27 10:00:05 box systemd-modules-load[300]: Inserted module 'kvm_intel'
Nov 27 10:00:05 box systemd-udevd[301]: Using default interface naming scheme 'v252'.
Nov 27 10:00:06 box sshd[811]: Accepted publickey for alice from 192.0.2.7 port 51234 ssh2: ED25519 SHA256:abc
Nov 27 10:00:07 box sshd[812]: Failed password for invalid user admin from 203.0.113.9 port 4242 ssh2
Nov 27 10:00:08 box sshd[813]: Connection closed by authenticating user root 203.0.113.9 port 4243 [preauth]
Nov 27 10:00:09 box sshd[814]: error: kex_exchange_identification: Connection closed by remote host
Nov 27 10:00:10 box sudo[815]: alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/virsh list
Nov 27 10:00:11 box CRON[816]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)
Nov 27 10:00:12 box kernel: Linux version 6.1.0-21-amd64 (debian-kernel@lists.debian.org)
Nov 27 10:00:12 box kernel: Command line: BOOT_IMAGE=/boot/vmlinuz-6.1.0-21-amd64 root=/dev/vda1 ro quiet
Nov 27 10:00:12 box kernel: DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
Nov 27 10:00:12 box kernel: Hypervisor detected: KVM
Nov 27 10:00:12 box kernel: kvm-clock: using sched offset of 6823 cycles
Nov 27 10:00:12 box kernel: kvm: Nested Virtualization enabled
Nov 27 10:00:12 box kernel: kvm_amd: Nested Paging enabled
Nov 27 10:00:12 box kernel: SVM: kvm: Nested Paging enabled
Nov 27 10:00:12 box kernel: tun: Universal TUN/TAP device driver, 1.6
Nov 27 10:00:12 box kernel: virbr0: port 1(vnet0) entered forwarding state
Nov 27 10:00:12 box kernel: bridge: filtering via arp/ip/ip6tables is no longer available by default.
Nov 27 10:00:12 box kernel: audit: type=1400 audit(1.2:3): apparmor="STATUS" operation="profile_load" name="libvirtd"
Nov 27 10:00:12 box kernel: audit: type=1400 audit(1.2:4): apparmor="DENIED" profile="evince" name="/x"
Nov 27 10:00:12 box kernel: DMAR: IOMMU enabled
Nov 27 10:00:12 box kernel: iommu: Default domain type: Translated
Nov 27 10:00:12 box kernel: Spectre V2 : Mitigation: Retpolines
Nov 27 10:00:12 box kernel: usb 1-1: device not accepting address 2, error -71
Nov 27 10:00:12 box kernel: EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.
Nov 27 10:00:12 box kernel: nvidia: module license 'NVIDIA' taints kernel.
Nov 27 10:00:12 box kernel: kvm [4242]: vcpu0, guest rIP: 0xffffffff8104f0a8 ignored rdmsr: 0x3a
Nov 27 10:00:13 box dnsmasq[900]: started, version 2.89 cachesize 150
Nov 27 10:00:13 box dnsmasq-dhcp[900]: DHCPACK(virbr0) 192.168.122.57 52:54:00:aa:bb:cc web1
Nov 27 10:00:13 box dnsmasq[900]: read /etc/hosts - 8 names
Nov 27 10:00:14 box libvirtd[901]: libvirt version: 9.0.0, package: 4+deb12u2 (Debian)
Nov 27 10:00:14 box libvirtd[901]: hostname: box
Nov 27 10:00:14 box NetworkManager[700]: <info>  [1669543214.1] device (virbr0): state change: ip-check -> secondaries
Nov 27 10:00:14 box dockerd[950]: time="2025-11-27T10:00:14Z" level=info msg="Loading containers: done."
Nov 27 10:00:14 box polkitd[640]: Loading rules from directory /usr/share/polkit-1/rules.d
Nov 27 10:00:14 box polkitd[640]: Registered Authentication Agent for unix-session:2 (system bus name :1.42)
2025-11-27 10:00:15.123+0000: starting up libvirt version: 9.0.0, package: 4+deb12u2, qemu version: 7.2.2
2025-11-27 10:00:15.123+0000: shutting down, reason=shutdown
/usr/bin/qemu-system-x86_64 -name guest=web1,debug-threads=on -S -machine pc-q35-7.2,accel=kvm -cpu host -m 2048
-netdev {"type":"tap","fd":"31","vhost":true,"vhostfd":"33","id":"hostnet0"} -device {"driver":"virtio-net-pci"}
qemu-system-x86_64: terminating on signal 15 from pid 901 (/usr/sbin/libvirtd)
192.0.2.1 - - [27/Nov/2025:10:00:16 +0000] "GET /index.html HTTP/1.1" 404 153 "-" "curl/8.5.0"
2025/11/27 10:00:16 [error] 77#77: *1 open() "/var/www/favicon.ico" failed (2: No such file or directory)
2025/11/27 10:00:16 [error] 77#77: *2 connect() failed (111: Connection refused) while connecting to upstream
2025/11/27 10:00:16 [crit] 77#77: *3 open() "/var/www/private" failed (13: Permission denied)
fatal: not a git repository (or any of the parent directories): .git
fatal: unable to access 'https://github.com/x/y.git/': Could not resolve host: github.com
error: failed to push some refs to 'github.com:x/y.git'
error: pathspec 'mian' did not match any file(s) known to git
git: 'statsu' is not a git command. See 'git --help'.
Reading package lists... Done
Building dependency tree... Done
The following NEW packages will be installed:
  qemu-system-x86 qemu-utils libvirt-daemon-system libvirt-clients virtinst dnsmasq-base
0 upgraded, 6 newly installed, 0 to remove and 3 not upgraded.
Need to get 21.4 MB of archives. After this operation, 92.1 MB of additional disk space will be used.
Get:1 http://deb.debian.org/debian bookworm/main amd64 qemu-system-x86 amd64 1:7.2+dfsg-7 [8123 kB]
Setting up libvirt-daemon-system (9.0.0-4) ...
Processing triggers for man-db (2.11.2-2) ...
正在读取软件包列表... 完成
正在分析软件包的依赖关系树... 完成
正在设置 qemu-system-x86 (1:7.2+dfsg-7) ...
下列【新】软件包将被安装：
升级了 0 个软件包，新安装了 6 个软件包，要卸载 0 个软件包，有 3 个软件包未被升级。
bash: cd: /home/alice/nothing: No such file or directory
bash: pyhton: command not found
cat: /etc/shadow: Permission denied
cp: cannot create regular file '/etc/x': Permission denied
cat: /etc/shadow: 权限不够
ls: 无法访问 '/tmp/x': 没有那个文件或目录
bash: gti: 未找到命令
Segmentation fault (core dumped)
ModuleNotFoundError: No module named 'requests'
ImportError: cannot import name 'x' from 'y' (/usr/lib/python3/dist-packages/y.py)
make: *** No rule to make target 'all'.  Stop.
npm ERR! code ENOENT
curl: (7) Failed to connect to example.com port 443: Connection refused
curl: (60) SSL certificate problem: certificate has expired
ping: example.com: Name or service not known
rsync: [sender] link_stat "/x" failed: No such file or directory (2)
java.net.ConnectException: Connection refused
psql: error: connection to server at "localhost" (::1), port 5432 failed: Connection refused
 Id   Name   State
 1    web1   running
 Name      State    Autostart   Persistent
 default   active   yes         yes
Domain 'web1' started
Network default started
Network default marked as autostarted
virsh # quit
INFO: /dev/kvm exists
KVM acceleration can be used
  QEMU: Checking for hardware virtualization                                 : PASS
  QEMU: Checking if device /dev/kvm exists                                   : PASS
  QEMU: Checking if device /dev/kvm is accessible                            : PASS
  QEMU: Checking for cgroup 'memory' controller support                      : PASS
crw-rw---- 1 root kvm 10, 232 Nov 27 10:00 /dev/kvm
kvm_intel             380928  0
uid=1000(alice) gid=1000(alice) groups=1000(alice),27(sudo),106(kvm),107(libvirt)
net.ipv4.ip_forward = 1
Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)
-P FORWARD ACCEPT
nested = 1
Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
docker: Error response from daemon: pull access denied for x, repository does not exist
Error: No such container: web1
Nov 27 10:00:17 box systemd[1]: nginx.service: Failed with result 'exit-code'.
Failed to start nginx.service: Unit nginx.service not found.
Job for ssh.service failed because the control process exited with error code.
dnsmasq: syntax check OK.
ERROR: failed to get pool connection: timeout waiting for idle object
C:\new\table\reports
LIBVIRT_DEFAULT_URI=qemu:///system
"""

PROSE = (
    "KVM is a module of the Linux kernel that turns it into a hypervisor. QEMU emulates the devices of the guest, and "
    "libvirt manages both. A guest's disk is a file in a storage pool; its network is a bridge with dnsmasq.",
    "To install it, run apt install qemu-kvm libvirt-daemon-system, add your user to the groups libvirt and kvm, and "
    "log in again. Then virsh list shows the guests, and virt-manager opens a window.",
    "Nested virtualization lets a guest run guests of its own. It is switched on with kvm_intel.nested=1.",
    "If your service does not start, look at its journal. A service that is masked cannot be started at all.",
    "The default network gives guests addresses from 192.168.122.0/24 and forwards their packets with NAT.",
    "Permission denied usually means that you may not do it. No such file or directory means it is not there.",
    "内核虚拟机（KVM）是 Linux 内核中的虚拟化模块，它把 Linux 变成一个虚拟机管理程序。"
    "QEMU 负责模拟设备，libvirt 负责管理虚拟机。",
    "安装完成后，把用户加入 libvirt 和 kvm 组，然后重新启动电脑，就可以用 virt-manager 创建虚拟机了。",
    "虚拟机的磁盘镜像保存在存储池里，默认网络通过 NAT 让虚拟机访问外部网络，dnsmasq 负责分配地址。",
    "在服务器上启用嵌套虚拟化以后，虚拟机里面也可以再运行虚拟机，适合用来做实验和测试。",
    "如果出现错误，请先查看日志，再检查服务是否正在运行，最后确认防火墙的设置是否正确。",
)
