"""Kind ``capabilities``: make libvirt forget what it remembers of the emulators, and look again."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.host.door import Door, Workshop
from kvmready.i18n import _
from kvmready.plan import virsh
from kvmready.plan.command import change
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

CACHE = "/var/cache/libvirt/qemu/capabilities"
"""libvirt: src/qemu/qemu_capabilities.c; Debian's libvirt-daemon-system.postinst clears it in the same way."""


def commands(restart: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The plan's commands; ``restart`` is the one that starts the daemon anew."""
    return (("find", CACHE, "-maxdepth", "1", "-name", "*.xml", "-delete"), restart)


def done(host: Door, step: Step) -> bool:
    """Whether libvirt lists KVM guests."""
    answer = virsh.ask(host, ("capabilities",))
    return answer.ok and "<domain type='kvm'" in answer.stdout


def former(host: Door, step: Step) -> dict[str, Any]:
    return {}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Clear the cache where there is one and restart the daemon. Raises WorkError."""
    for argv in step.commands:
        if argv[0] != "find" or not host.stat(CACHE).error:
            say(_("Letting libvirt look at the emulators again"))
            change(host, argv, 120)
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Nothing: it is a cache."""
    return ()
