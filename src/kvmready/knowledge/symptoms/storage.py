"""What is printed where a guest's disk cannot be made, found or opened."""

from __future__ import annotations

from kvmready.knowledge.symptoms.symptom import Symptom

_DISK = "{qcow2|img|iso|raw|images|vmdk}"

SYMPTOMS = (
    Symptom(
        "storage.pool-missing",
        (
            "storage pool not found: no storage pool with matching name",
            "no storage pool with matching name",
            "没有与名称 '… 匹配的存储池",
            "未找到存储池",
            "no usable storage pool found",
            "no storage pool named",
            "failed to get {pool 'default'|storage pool}",
            "无法获得池 'default",
            "can't find storage pool",
            "error retrieving storage pool",
        ),
        "libvirt, src/storage/storage_driver.c and po/zh_CN.po; vagrant-libvirt, locales/en.yml",
        1.0,
        {"access.session-uri": 0.3},
    ),
    Symptom(
        "storage.pool-inactive",
        (
            "storage pool '… is not active",
            "存储池 '… {未处于活动状态|未激活|不活跃}",
            "pool '{default|images}' is not active",
            "could not start storage pool",
            "无法启动存储池",
            "failed to {autostart|start} {storage pool|pool}",
            "name state autostart … {default|images} inactive",
            "cannot open directory '…{/images|/libvirt}': no such file or directory",
        ),
        "libvirt, src/storage/storage_driver.c, tools/virsh-pool.c and po/zh_CN.po; virt-manager",
        0.95,
    ),
    Symptom(
        "storage.path-unreachable",
        (
            "cannot access {storage|backing} file '… permission denied",
            "无法访问存储文件 '… {权限不够|权限被拒绝}",
            "无法访问 … 后端文件 … 权限不够",
            "could not open '…" + _DISK + "': permission denied",
            "could not open '…" + _DISK + "': 权限不够",
            "failed to open {file |}'…" + _DISK + "': permission denied",
            "may not be accessible by the hypervisor",
            "可能不能被虚拟机管理程序访问",
            "you will need to grant the '… user search permissions",
            "boot2docker.iso … permission denied",
            "cannot open file '…" + _DISK + "': permission denied",
            "qemu … could not open '… permission denied",
            "qemu … 权限不够",
        ),
        "QEMU, block/file-posix.c; libvirt, src/storage_file and po/zh_CN.po; virt-manager, addstorage.py",
        0.95,
        {"storage.apparmor-denied": 0.6, "storage.selinux-denied": 0.5},
    ),
    Symptom(
        "storage.no-space",
        (
            "no space left on device",
            "设备上没有空间",
            "not enough space left in storage pool",
            "存储池中没有足够的空间",
            "not enough free space to create the disk",
            "not enough free {disk |}space",
            "don't have enough free space in",
            "disk quota exceeded",
            "没有足够的可用空间",
            "磁盘空间不足",
            "needs … more space needed on the … filesystem",
            "block i/o error in device … no space left",
        ),
        "glibc, ENOSPC; libvirt, src/storage/storage_driver.c and po/zh_CN.po; virtinst, devices/disk.py; apt; rpm",
        0.9,
    ),
    Symptom(
        "storage.apparmor-denied",
        (
            'apparmor="denied" … profile="libvirt-',
            'apparmor="denied" … {virt-aa-helper|libvirtd|swtpm|qemu}',
            "cannot load apparmor profile 'libvirt-",
            "cannot update apparmor profile",
            "无法{载入|更新} apparmor {侧写|配置文件}",
            "unable to set apparmor profile",
            "无法为 … 设定 apparmor",
            "virt-aa-helper … {skipped restricted file|error: }",
        ),
        "Linux, security/apparmor/audit.c; libvirt, src/security/security_apparmor.c, virt-aa-helper.c and po/zh_CN.po",
    ),
    Symptom(
        "storage.selinux-denied",
        (
            "avc: denied … {svirt_t|svirt_tcg_t|virtd_t|virtqemud_t|qemu_t|virtlogd_t}",
            "selinux is preventing … {qemu|libvirt|virtqemud|virtlogd|swtpm}",
            "selinux 正在阻止 … {qemu|libvirt|virtqemud}",
            "unable to set security context",
            "unable to set selinux {label|security context}",
            "无法设定安全上下文",
            "无法对 … 设置 selinux 标签",
            "无法在 … 中设定安全上下文",
        ),
        "Linux, security/selinux/avc.c; setroubleshoot; libvirt, src/security/security_selinux.c and po/zh_CN.po",
    ),
)
