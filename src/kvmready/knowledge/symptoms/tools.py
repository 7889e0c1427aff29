"""What is printed where virt-manager, virt-viewer or Cockpit is missing or does not open."""

from __future__ import annotations

from kvmready.knowledge.symptoms.symptom import Symptom

SYMPTOMS = (
    Symptom(
        "tools.not-installed",
        (
            "{virt-manager|virt-viewer|remote-viewer}: {command not found|未找到命令|找不到命令}",
            "command not found: {virt-manager|virt-viewer}",
            "command '{virt-manager|virt-viewer}' not found",
            "{virt-manager|virt-viewer|remote-viewer} {not installed|is not installed}",
            "please install the 'virt-viewer' package",
            "unit cockpit.{socket|service} {not found|could not be found}",
            "unit file cockpit.socket does not exist",
        ),
        "bash and po/zh_CN.po; virtinst, virtinst/cli.py; systemd, src/systemctl",
    ),
    Symptom(
        "tools.no-display",
        (
            "{gtk-warning|gtk|virt-manager|virt-viewer|remote-viewer|qemu} … cannot open display",
            "无法打开显示",
            "graphics requested but display is not set",
            "需要图形显示，但未设置 display",
            "gtk couldn't be initialized",
            "unable to init server: could not connect",
            "gtk initialization failed",
            "could not initialize sdl",
            "could not detect a local session: if you are running virt-manager over ssh",
            "无法检测本地会话",
            "x11 connection rejected",
            "no protocol specified … display",
        ),
        "GTK, gdk/gdk.c; QEMU, ui/gtk.c and ui/sdl2.c; virtinst, virtinst/cli.py; virt-manager and po/zh_CN.po",
    ),
    Symptom(
        "tools.broken",
        (
            "namespace {gtk|gtkvnc|spiceclientgtk|spiceclientglib|libvirtglib|vte|gtksource|libosinfo} not available",
            "no module named {gi|virtinst|virtmanager}",
            "cannot import name {virtmanager|virtinst}",
            "typelib file for namespace … not found",
            "virt-manager … traceback (most recent call last)",
            "{virt-manager|virt-viewer}: error while loading shared libraries",
        ),
        "PyGObject, gi/__init__.py; Python, importlib; virt-manager, virtManager/virtmanager.py",
    ),
    Symptom(
        "tools.removed-upstream",
        (
            "unable to find a match: {virt-manager|virt-viewer}",
            "no match for argument: {virt-manager|virt-viewer}",
            "未找到匹配的参数: {virt-manager|virt-viewer}",
            "没有任何匹配: {virt-manager|virt-viewer}",
        ),
        "dnf, dnf/cli/commands/install.py and po/zh_CN.po; RHEL 10 release notes, removed features",
        1.0,
        {"packages.no-candidate": 0.7},
    ),
    Symptom(
        "tools.not-listening",
        (
            "{failed to connect to|connect to} … port 9090 … {connection refused|couldn't connect|failed}",
            "cockpit.socket … {inactive (dead)|disabled}",
            "9090 … {拒绝连接|拒绝了我们的连接请求}",
        ),
        "curl, lib/connect.c; systemd, src/systemctl; cockpit's guide",
        0.9,
    ),
    Symptom(
        "tools.not-answering",
        (
            "cockpit.service: {failed with result|main process exited}",
            "failed to start cockpit.service",
            "{cockpit-tls|cockpit-ws}: {couldn't|failed|permission denied}",
        ),
        "systemd, src/core; cockpit, src/tls and src/ws",
        0.9,
    ),
)
