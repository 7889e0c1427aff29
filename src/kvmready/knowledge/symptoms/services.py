"""What systemd and OpenRC print of libvirt's services."""

from __future__ import annotations

from kvmready.knowledge.symptoms.symptom import Symptom

_UNITS = "{libvirtd|virtqemud|virtnetworkd|virtstoraged|virtlogd|virtlockd|virtproxyd}"

SYMPTOMS = (
    Symptom(
        "services.not-running",
        (
            "failed to connect socket to '…{virtlogd|virtlockd}-sock",
            "将{插槽|套接字}连接到 '…{virtlogd|virtlockd}-sock",
            _UNITS + " {is not running|not running|is inactive|is stopped|has not been started}",
            "virtualization service (libvirt) is not active",
            "虚拟化服务 (libvirt) {未激活|不活跃|未处于活动状态}",
            "the libvirt{|d} {daemon|service} is not running",
            _UNITS + " {没有运行|未运行|没有启动|未启动}",
        ),
        "libvirt, src/logging/log_manager.c; WindRiver-OpenSourceLabs/wr-core#30; cockpit-machines",
    ),
    Symptom(
        "services.not-running",
        (_UNITS + ".service - … active: inactive (dead)", _UNITS + ".service … active: inactive (dead)"),
        "systemd, src/systemctl/systemctl-show.c",
        0.6,
    ),
    Symptom(
        "services.not-enabled",
        ("loaded: loaded (…" + _UNITS + ".{service|socket}; disabled",),
        "systemd, src/systemctl/systemctl-show.c",
        0.5,
    ),
    Symptom(
        "services.masked",
        (
            "unit " + _UNITS + "{|-ro|-admin}.{service|socket} is masked",
            "unit file " + _UNITS + ".{service|socket} is masked",
            _UNITS + "{.service|.socket} … loaded: masked",
        ),
        "systemd, src/systemctl and src/core/job.c",
    ),
    Symptom(
        "services.failed",
        (
            _UNITS + ".{service|socket}: failed with result",
            "libvirt-guests.service: failed with result",
            "dependency job for " + _UNITS + ".{service|socket} failed",
            "dependency failed for {libvirtd.service|virtqemud.service|virtualization daemon}",
            _UNITS + ".service: main process exited, code=",
            _UNITS + ".service: start request repeated too quickly",
            "job for " + _UNITS + ".service failed because",
            "failed to start {libvirtd.service|virtqemud.service|virtualization daemon|virtualization qemu daemon}",
            "failed to start libvirt {legacy monolithic|qemu|logging|network} daemon",
            _UNITS + ".{service|socket} … active: failed (result",
            _UNITS + " … start operation timed out",
            "error: libvirtd failed to start",
            "启动 {libvirtd|virtqemud} … 失败",
        ),
        "systemd, src/core/service.c, src/systemctl; OpenRC, rc; libvirt, src/remote/libvirtd.service.in",
        0.9,
        {"libvirt.config-invalid": 0.3, "libvirt.mixed-daemons": 0.2},
    ),
    Symptom(
        "services.no-manager",
        (
            "system has not been booted with systemd as init system",
            "failed to connect to bus: host is down",
            "failed to connect to {system scope|system} bus … {host is down|no such file or directory}",
            "failed to connect to bus: no such file or directory",
            "failed to connect to bus: 没有那个文件或目录",
            "running in chroot, ignoring {command|request}",
            "policy-rc.d denied execution of start",
            "could not determine current runlevel",
            "系统未使用 systemd 作为 init",
        ),
        "systemd, src/shared/bus-util.c and src/systemctl; sysvinit-utils, invoke-rc.d; microsoft/WSL#13262",
    ),
)
