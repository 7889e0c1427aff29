"""Explanations of the layer ``services``: the units that keep libvirt's daemons running."""

from __future__ import annotations

from kvmready.i18n import N_
from kvmready.knowledge.explain.topic import Asked, Do, Layer, Look, Room, Topic, Wrong

_LAYER = Layer(
    N_("keeps libvirt's daemons running, also after a reboot"),
    (
        N_("A service manager, mostly systemd, starts daemons at boot and watches them."),
        N_("A unit is what it knows of one daemon (a .service) or of its socket (a .socket)."),
        N_("A daemon that is stopped while its socket listens is healthy: the first call starts it."),
    ),
    (
        N_("A daemon that was started by hand is gone after the next boot, and the guests with it."),
        N_("libvirt needs three: the daemon itself, virtlogd for guests' consoles, virtlockd for locks on disks."),
    ),
    (
        Look("systemctl is-active libvirtd.socket virtlogd.socket", "active\nactive", "inactive\nfailed"),
        Look("systemctl is-enabled libvirtd.socket virtlogd.socket", "enabled\nenabled", "disabled\nmasked"),
    ),
    ("systemctl(1)", "systemd.socket(5)", "https://libvirt.org/daemons.html"),
)

_TOPICS = {
    "services.libvirtd": Topic(
        N_("The services that libvirt stands on"),
        (
            N_(
                "libvirtd or virtqemud does the work; virtlogd keeps guests' console logs; virtlockd guards "
                "their disks."
            ),
            N_("Each has a socket; systemd starts the service at the first call."),
        ),
        (N_("When virtlogd or virtlockd is off, libvirt answers but guests do not start."),),
        (
            Look(
                "systemctl status libvirtd.service libvirtd.socket",
                "Loaded: loaded (/lib/systemd/system/libvirtd.service; enabled; ...)\nActive: active (running)",
                "Loaded: loaded (/lib/systemd/system/libvirtd.service; disabled; ...)\nActive: inactive (dead)",
                N_("Inactive is fine for a service whose socket is active."),
            ),
        ),
        ("libvirtd(8)", "virtlogd(8)", "virtlockd(8)", "systemctl(1)"),
    ),
    "services.libvirt-guests": Topic(
        N_("libvirt-guests, which shuts guests down with the host"),
        (N_("A service that runs when the host goes down: it tells each guest to shut down, and waits for it."),),
        (
            N_("Without it guests are cut off like a computer whose plug was pulled."),
            N_("Nothing needs it; it is welcome on a host that is rebooted while guests run."),
        ),
        (Look("systemctl is-enabled libvirt-guests.service", "enabled", "disabled"),),
        ("libvirt-guests(8)",),
    ),
}

_CAUSES = {
    "services.not-running": Wrong(
        "services.libvirtd",
        (N_("Neither the service nor its socket is active, so that nobody answers."),),
        (
            Do(
                N_("It starts and enables the units. By hand:"),
                ("# systemctl enable --now libvirtd.socket virtlogd.socket virtlockd.socket",),
            ),
        ),
        (Look("systemctl is-active libvirtd.service libvirtd.socket", "inactive\nactive", "inactive\ninactive"),),
    ),
    "services.not-enabled": Wrong(
        "services.libvirtd",
        (N_("It runs now, because somebody started it; at the next boot nobody will."),),
        (Do(N_("It enables the units. By hand:"), ("# systemctl enable libvirtd.service libvirtd.socket",)),),
        (Look("systemctl is-enabled libvirtd.service", "enabled", "disabled"),),
    ),
    "services.masked": Wrong(
        "services.libvirtd",
        (
            N_("A masked unit is linked to /dev/null: nothing can start it, neither by hand nor as a need of others."),
            N_("Somebody did that on purpose; make sure that the reason is gone."),
        ),
        (
            Do(
                N_("It unmasks, enables and starts the units. By hand:"),
                ("# systemctl unmask libvirtd.service libvirtd.socket", "# systemctl enable --now libvirtd.socket"),
            ),
        ),
        (
            Look(
                "systemctl is-enabled libvirtd.service",
                "enabled",
                "masked",
            ),
            Look(
                "# systemctl start libvirtd.service",
                "",
                "Failed to start libvirtd.service: Unit libvirtd.service is masked.",
            ),
        ),
    ),
    "services.failed": Wrong(
        "services.libvirtd",
        (
            N_("The unit was started and ended with an error, perhaps again and again until systemd gave up."),
            N_("Its last words in the journal say why: often a line in a configuration file."),
        ),
        (
            Do(
                N_("It tries once more, in case the reason is gone. By hand:"),
                ("# systemctl reset-failed libvirtd.service", "# systemctl start libvirtd.service"),
            ),
            Do(N_("If it fails again, read its last words:"), ("journalctl -u libvirtd.service -n 30",)),
            Do(N_("kvmready shows the same words as evidence:"), ("kvmready check --only services",)),
        ),
        (
            Look(
                "systemctl status libvirtd.service",
                "",
                "Active: failed (Result: exit-code)\nMain PID: 812 (code=exited, status=6)",
            ),
        ),
        ("journalctl(1)",),
    ),
    "services.no-manager": Wrong(
        "services.libvirtd",
        (
            N_("Neither systemd nor OpenRC runs here. That is usual in containers and in a chroot."),
            N_("The profile minimal needs no services: a guest can run under QEMU without libvirt."),
        ),
        (
            Do(
                N_(
                    "Use a machine that was booted with systemd, or a system container (LXD, systemd-nspawn with "
                    "--boot)."
                )
            ),
            Do(N_("In WSL, switch systemd on: see hardware.wsl-nested-off.")),
            Do(N_("Or start the daemons yourself, at every start:"), ("# virtlogd -d", "# libvirtd -d")),
            Do(N_("Or ask for less:"), ("kvmready check --profile minimal",)),
        ),
        (
            Look(
                "systemctl status",
                "State: running",
                "System has not been booted with systemd as init system (PID 1).\nCan't operate.",
            ),
        ),
    ),
}

_DRIVER = ("libvirt.partial-modular", "services.masked", "services.failed")

_CHECKS = {
    "services.manager": Asked("services.libvirtd", N_("A service manager that runs"), ("services.no-manager",)),
    "services.libvirtd": Asked("services.libvirtd", N_("libvirtd, the daemon of the old kind")),
    "services.virtqemud": Asked("services.libvirtd", N_("virtqemud, which runs guests")),
    "services.virtnetworkd": Asked("services.libvirtd", N_("virtnetworkd, which runs guests' networks"), _DRIVER),
    "services.virtstoraged": Asked("services.libvirtd", N_("virtstoraged, which knows guests' disks"), _DRIVER),
    "services.modular-drivers": Asked(
        "services.libvirtd", N_("The other daemons of the new kind"), ("libvirt.partial-modular",)
    ),
    "services.virtlogd": Asked("services.libvirtd", N_("virtlogd, which keeps guests' console logs")),
    "services.virtlockd": Asked("services.libvirtd", N_("virtlockd, which guards guests' disks")),
    "services.libvirt-guests": Asked("services.libvirt-guests", "", ("services.failed",)),
}

ROOM = Room(_LAYER, _TOPICS, _CAUSES, _CHECKS)
