"""What is printed where the user lacks a right, or looks at the wrong libvirt."""

from __future__ import annotations

from kvmready.knowledge.symptoms.symptom import Symptom

SYMPTOMS = (
    Symptom(
        "access.not-in-kvm-group",
        (
            "could not access kvm kernel module: permission denied",
            "failed to initialize kvm: permission denied",
            "could not access kvm kernel module: 权限不够",
            "failed to initialize kvm: 权限不够",
            "/dev/kvm: permission denied",
            "/dev/kvm ‥ permission denied",
            "creating {the|} kvm object: error(13)",
            "vmboot(kvmnew(error(13)))",
            "'/dev/kvm': 权限不够",
            "/dev/kvm ‥ {权限不够|权限被拒绝|没有权限}",
            "没有{访问|使用} /dev/kvm 的权限",
            "doesn't have permission{|s} to use kvm",
            "no permission to {use|access|open} /dev/kvm",
            "check /dev/kvm is world writable or you are in a group",
            "检查 /dev/kvm 是否全局可写的或者当前用户是否属于",
            "checking if device /dev/kvm is accessible … fail",
            "user … {is not|not} {in|a member of|part of} {the|} {kvm group|group kvm|'kvm' group}",
            "{不在|不属于} kvm 组",
        ),
        "QEMU, accel/kvm/kvm-all.c; errno EACCES; libvirt, virt-host-validate and po/zh_CN.po; Android emulator",
        0.95,
        {"access.session-stale": 0.6, "kernel.device-permissions": 0.55, "kernel.device-denied-by-container": 0.3},
    ),
    Symptom(
        "access.not-in-libvirt-group",
        (
            "failed to connect socket to '…{libvirt-sock|libvirt-sock-ro|virtqemud-sock}': permission denied",
            "将{插槽|套接字}连接到 '…{libvirt-sock|virtqemud-sock}' 失败: 权限不够",
            "{libvirt-sock|virtqemud-sock}: connect: permission denied",
            "{libvirt-sock|virtqemud-sock}': permission denied",
            "{libvirt-sock|virtqemud-sock}' … 权限不够",
            "libvirt group membership check failed",
            "user … {is not|not} {in|a member of|part of} {the|} {libvirt group|group libvirt|'libvirt' group}",
            "{不在|不属于} libvirt 组",
        ),
        "libvirt, src/rpc/virnetsocket.c and po/zh_CN.po; minikube known_issues.go, PR_KVM_USER_PERMISSION",
        0.95,
        {"access.session-stale": 0.65, "libvirt.polkit-denied": 0.3},
    ),
    Symptom(
        "access.session-stale",
        (
            "need to {logout|log out}{|,} {re-login|relogin|and log in again} … group",
            "{libvirt|kvm} group is not active for the current {user|process|session}",
            "重新登录 … 组",
            "注销{并|后}重新登录 … {组|生效}",
            "before the user is effectively a member of",
        ),
        "crc, pkg/crc/preflight/preflight_checks_linux.go; minikube; crc-org/crc#1583",
    ),
    Symptom(
        "access.session-stale",
        ("{relogin|re-login|log out and log back in} for {the |}group changes to take effect",),
        "minikube, pkg/minikube/reason/known_issues.go: advice, printed of any lack of rights",
        0.6,
        {"access.not-in-libvirt-group": 0.8},
    ),
    Symptom(
        "access.session-uri",
        (
            "no domain with matching name",
            "domain not found: no domain",
            "没有与名称 '… 匹配的域",
            "failed to get domain",
            "获取域 '… 失败",
        ),
        "libvirt, src/conf/virdomainobjlist.c, tools/virsh-domain-monitor.c and po/zh_CN.po",
        0.6,
    ),
    Symptom(
        "access.session-uri",
        (
            "qemu usermode session is not the virt-manager default",
            "qemu 用户模式会话不是 virt-manager 的默认",
            "failed to connect socket to '…run/user/…{libvirt-sock|virtqemud-sock}': "
            "{no such file or directory|connection refused|permission denied}",
            "将{插槽|套接字}连接到 '…run/user/…{libvirt-sock|virtqemud-sock}' 失败: {没有那个文件或目录|拒绝连接}",
            "run/user/…{libvirt-sock|virtqemud-sock}",
            "is not available in session mode",
            "cannot use namespaces in session mode",
            "在会话模式{中|下}不可用",
            ".cache/libvirt/{libvirt-sock|virtqemud-sock}",
            "qemu:///session … {no network|no storage pool|no domain|failed}",
        ),
        "virt-manager, virtManager/createconn.py and po/zh_CN.po; libvirt, src/hypervisor/domain_cgroup.c; winapps#83",
        0.9,
    ),
    Symptom(
        "access.no-such-user",
        (
            "usermod: user '… does not exist",
            "usermod：用户“…”不存在",
            "adduser: the user … does not exist",
            "id: '… no such user",
            "id: “…”：无此用户",
            "sudo: unknown user",
            "gpasswd: user '… does not exist",
            "there is no user '… on this host",
        ),
        "shadow, src/usermod.c and po/zh_CN.po; coreutils, src/id.c and po/zh_CN.po; sudo",
    ),
)
