"""Kind ``forward``: let a bridge's packets pass ahead of a firewall whose policy is to drop them.

Two rules at the head of DOCKER-USER, Docker's chain for rules that are not its own (or of FORWARD, where there is no
Docker). A small systemd unit holds them: it puts them in at every boot after Docker, and takes them out when stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any

UNIT = "kvmready-forward.service"
PATH = f"/etc/systemd/system/{UNIT}"
IPTABLES = "/usr/sbin/iptables"


def rules(chain: str, bridge: str) -> tuple[tuple[str, ...], ...]:
    """The two rules, without the program and its verb: what guests send, and the answers to it."""
    return (
        (chain, "-i", bridge, "-j", "ACCEPT"),
        (chain, "-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
    )


def content(chain: str, bridge: str) -> str:
    """The unit. Each rule is removed before it is put in, so that no start makes it twice."""
    base = f"{IPTABLES} --wait 10"
    start = [
        f"ExecStart=-{base} -D {' '.join(rule)}\nExecStart={base} -I {' '.join(rule)}" for rule in rules(chain, bridge)
    ]
    stop = [f"ExecStop=-{base} -D {' '.join(rule)}" for rule in rules(chain, bridge)]
    return "\n".join(
        [
            "# Written by kvmready: guests' packets pass ahead of the firewall's policy to drop what is forwarded.",
            "[Unit]",
            f"Description=Let packets of libvirt's bridge {bridge} through",
            "After=network.target docker.service libvirtd.service",
            "PartOf=docker.service",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            *start,
            *stop,
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def _argument(step: Step, name: str) -> str:
    return str(step.arguments[name])


def _in_force(host: Door, step: Step) -> bool:
    return all(
        host.run(Command((IPTABLES, "--wait", "10", "-C", *rule), timeout=30)).ok
        for rule in rules(_argument(step, "chain"), _argument(step, "bridge"))
    )


def done(host: Door, step: Step) -> bool:
    """Whether the unit is there and both rules are in force."""
    reading = host.read(PATH)
    return not reading.error and reading.text == _argument(step, "content") and _in_force(host, step)


def former(host: Door, step: Step) -> dict[str, Any]:
    """Whether our unit was there. Raises WorkError where the file is somebody else's."""
    reading = host.read(PATH)
    if reading.error not in ("", "ENOENT") or (not reading.error and "Written by kvmready" not in reading.text):
        raise WorkError(
            _("{path} is not a file that kvmready can keep a copy of.").format(path=PATH),
            reading.error,
            _("Look at it, move it away if nothing needs it, and run kvmready again."),
        )
    return {"text": None if reading.error else reading.text}


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Write the unit, enable it, and start it anew. Raises WorkError."""
    try:
        host.write(PATH, _argument(step, "content").encode("utf-8"), 0o644, (0, 0))
    except OSError as error:
        raise WorkError(_("{path} cannot be written.").format(path=PATH), error.strerror or str(error)) from error
    for argv in step.commands:
        change(host, argv, 120)
    if not _in_force(host, step):
        raise WorkError(_("The rules are not in force."), "", _("Look at: journalctl -u {unit}").format(unit=UNIT))
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Stop the unit, which takes the rules out, and remove it; or put its former text back. Raises WorkError."""
    if host.read(PATH).error:
        return ()
    stopped = host.change(Command(("systemctl", "disable", "--now", "--", UNIT), timeout=120))
    try:
        if former["text"] is None:
            host.remove(PATH)
        else:
            host.write(PATH, str(former["text"]).encode("utf-8"), 0o644, (0, 0))
    except OSError as error:
        raise WorkError(_("{path} cannot be put back.").format(path=PATH), error.strerror or str(error)) from error
    change(host, ("systemctl", "daemon-reload"), 60)
    if former["text"] is not None:
        change(host, ("systemctl", "enable", "--now", "--", UNIT), 120)
    return (
        ()
        if stopped.ok
        else (_("The unit {name} could not be stopped: {why}").format(name=UNIT, why=explain(stopped)),)
    )
