"""The domains that libvirt knows: name, UUID, state, whether they start with the host, whether they are defined."""

from __future__ import annotations

import re

from kvmready.errors import UsageError
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
STATES = ("running", "paused", "shutoff", "other")
"""virsh's own filters; ``other`` is crashed, suspended by its own power management, and what comes up in between."""

_QUESTIONS = (
    "list --all --uuid --name",
    "list --all --uuid --autostart",
    "list --all --uuid --persistent",
    *(f"list --all --uuid --state-{state}" for state in STATES),
)


class Domain(NamedTuple):
    """One domain. ``state`` is one of ``STATES``; a domain that is not ``persistent`` is gone when it stops."""

    name: str
    uuid: str
    state: str
    autostart: bool
    persistent: bool

    @property
    def active(self) -> bool:
        return self.state != "shutoff"


class NoSuchDomain(UsageError):
    """There is no domain of the name that was given."""


def domains(libvirt: Libvirt) -> tuple[Domain, ...]:
    """All of them by name, from one virsh. Raises LibvirtError.

    A name is as virsh prints it, which fills it up with blanks: those at its end are lost. ``find`` knows better.
    """
    answers = libvirt.script(_QUESTIONS)
    sets = [set(UUID.findall(answer.out)) for answer in answers]
    found = []
    for uuid, name in parse(answers[0].out):
        state = next((word for word, inside in zip(STATES, sets[3:]) if uuid in inside), "other")
        found.append(Domain(name, uuid, state, uuid in sets[1], uuid in sets[2]))
    return tuple(sorted(found, key=lambda domain: (domain.name.casefold(), domain.uuid)))


def parse(text: str) -> list[tuple[str, str]]:
    """``virsh list --uuid --name``: the UUID, a blank, and the rest of the line is the name."""
    found = []
    for line in text.split("\n"):  # not splitlines: a name may hold what Unicode calls a line's end
        match = UUID.match(line)
        if match:
            found.append((match.group(), line[match.end() + 1 :].rstrip(" ")))
    return found


def find(libvirt: Libvirt, name: str, known: tuple[Domain, ...] | None = None) -> Domain:
    """The domain of exactly that name, else the one of that UUID; its name is the whole one.

    ``known``: what ``domains`` returned just now. Raises NoSuchDomain, LibvirtError.
    """
    from kvmready.domains.definition import definition_of

    listed = domains(libvirt) if known is None else known
    for domain in listed:
        if domain.name != name.rstrip(" "):
            continue
        if domain.name == name and not name.endswith(" ") and sum(one.name == name for one in listed) == 1:
            return domain
        if definition_of(libvirt, domain.uuid).name == name:
            return domain._replace(name=name)
    by_uuid = next((domain for domain in listed if domain.uuid == name.lower()), None)
    if by_uuid is not None:
        return by_uuid
    raise NoSuchDomain(
        _("There is no guest {name}.").format(name=repr(name)),
        "",
        _("The guests are: {names}").format(names=_few(listed)),
    )


def _few(listed: tuple[Domain, ...], most: int = 8) -> str:
    names = [repr(domain.name) for domain in listed[:most]]
    if len(listed) > most:
        names.append("…")
    return ", ".join(names) or _("none")
