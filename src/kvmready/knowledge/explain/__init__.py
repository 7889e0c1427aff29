"""Explanations of layers, checks and causes, as plain records that a report room draws or prints as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kvmready.checks.finding import LAYERS
from kvmready.i18n import N_, _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmready.checks.finding import Check
    from kvmready.knowledge.explain.topic import Asked, Do, Look, Room, Wrong

__all__ = ["about", "ids", "kind", "rooms", "stack", "unexplained"]

_COMMAND = re.compile(r"(?P<as>[#|] )?(?P<text>.*?)(?: {4}# (?P<note>.*))?")
"""``# `` before a command: as root; ``| ``: a line to write; four spaces and ``# `` behind it: a note."""

_WAYS = {
    "auto": N_("kvmready up mends it: its plan shows each command, and says what kvmready undo cannot take back."),
    "either": N_("kvmready up mends it where it can; the rest is done by hand."),
    "manual": N_("It is mended by hand. kvmready cannot do it for you."),
}


def rooms() -> dict[str, Room]:
    """The explanations of each layer, bottom up."""
    from kvmready.knowledge.explain import access, hardware, kernel, libvirt, network, qemu, services, storage, tools

    known = (hardware, kernel, qemu, libvirt, services, network, storage, access, tools)
    return dict(zip(LAYERS, (module.ROOM for module in known)))


def stack() -> dict[str, Any]:
    """The layers bottom up, each with what it is for."""
    layers = [{"id": name, "purpose": _(room.layer.purpose)} for name, room in rooms().items()]
    return {"schema": "kvmready.stack/1", "layers": layers}


def ids() -> dict[str, Any]:
    """Every id that a report can hold and that ``about`` explains."""
    from kvmready.checks import ALL
    from kvmready.knowledge.catalogue import CATALOGUE

    every = rooms()
    return {
        "schema": "kvmready.ids/1",
        "layers": [{"id": name, "title": _(room.layer.purpose)} for name, room in every.items()],
        "checks": [{"id": c.id, "layer": c.layer, "title": _(_title(c, every[c.layer]))} for c in ALL],
        "causes": [
            {"id": one.id, "layer": one.layer, "kind": one.kind, "title": _(one.title)} for one in CATALOGUE.values()
        ],
    }


def unexplained() -> list[str]:
    """Checks and causes that nobody has explained: none, a test says."""
    from kvmready.checks import ALL
    from kvmready.knowledge.catalogue import CATALOGUE

    every = rooms()
    missing = [check.id for check in ALL if check.id not in every[check.layer].checks]
    return missing + [one.id for one in CATALOGUE.values() if one.id not in every[one.layer].causes]


def kind(name: str) -> str:
    """``layer``, ``cause`` or ``check``; a name that is both a cause and a check is explained as the cause.

    Raises UsageError for any other name, with the names that may have been meant.
    """
    from kvmready.checks import ALL
    from kvmready.knowledge.catalogue import CATALOGUE

    if name in LAYERS:
        return "layer"
    if name in CATALOGUE:
        return "cause"
    if any(check.id == name for check in ALL):
        return "check"
    from kvmready.errors import UsageError

    near = _near(name, [*LAYERS, *(check.id for check in ALL), *CATALOGUE])
    raise UsageError(
        _("There is no layer, check or cause named {name}.").format(name=repr(name)),
        "",
        _("Did you mean {names}?").format(names=", ".join(near))
        if near
        else _("All names: {command}").format(command="kvmready explain --list"),
    )


def _near(name: str, known: list[str]) -> list[str]:
    """What ``name`` begins, or is the second half of, or is spelt like."""
    import difflib

    wanted = name.lower().strip()
    known = list(dict.fromkeys(known))
    found = [one for one in known if wanted and (one.startswith(wanted) or f".{wanted}" in one)]
    if not found:
        halves = {one.partition(".")[2] or one: one for one in known}
        found = difflib.get_close_matches(wanted, known, n=3, cutoff=0.7)
        found += [halves[half] for half in difflib.get_close_matches(wanted, halves, n=3, cutoff=0.7)]
    return list(dict.fromkeys(found))[:6]


def about(name: str) -> dict[str, Any]:
    """The explanation of a layer, a check or a cause. Raises UsageError for any other name."""
    from kvmready.checks import ALL

    what = kind(name)
    every = rooms()
    if what == "layer":
        return _layer(name, every[name])
    if what == "cause":
        return _cause(name, every)
    return _check(next(check for check in ALL if check.id == name), every)


def _record(sort: str, name: str, layer: str, title: str, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "remedy": None,
        "what": [],
        "why": [],
        "wrong": [],
        "look": [],
        "mend": [],
        "table": [],
        "more": [],
    }
    record = {"schema": "kvmready.explanation/1", "id": name, "kind": sort, "layer": layer, "title": _(title)}
    return {**record, **empty, "checks": [], "causes": [], **more}


def _layer(name: str, room: Room) -> dict[str, Any]:
    from kvmready.checks import ALL
    from kvmready.knowledge.catalogue import CATALOGUE

    text = _("Let kvmready mend what it can of this layer and of those below it; it shows the commands and asks first:")
    step = {"text": text, "commands": [_command(f"kvmready up --only {name}")]}
    return _record(
        "layer",
        name,
        name,
        room.layer.purpose,
        what=_said(room.layer.what),
        why=_said(room.layer.why),
        look=_looks(room.layer.look),
        mend=[{"cause": None, "title": None, "remedy": None, "text": "", "do": [step]}],
        more=list(room.layer.more),
        checks=[check.id for check in ALL if check.layer == name],
        causes=[one.id for one in CATALOGUE.values() if one.layer == name],
    )


def _check(check: Check, every: Mapping[str, Room]) -> dict[str, Any]:
    """The topic of a check with the ways out of its causes; without a topic, what its layer is for."""
    from kvmready.knowledge.catalogue import CATALOGUE

    room = every[check.layer]
    asked = room.checks.get(check.id)
    if asked is None:
        return {**_layer(check.layer, room), "id": check.id, "kind": "check", "checks": [], "causes": []}
    topic = room.topics[asked.topic]
    wrongs = {name: every[CATALOGUE[name].layer].causes[name] for name in _named(asked, room)}
    special = [look for name in asked.causes for look in wrongs[name].look]
    return _record(
        "check",
        check.id,
        check.layer,
        asked.title or topic.title,
        what=_said(topic.what),
        why=_said(topic.why),
        look=_looks([*special, *topic.look]),
        mend=[_mend(name, wrong) for name, wrong in wrongs.items()],
        more=list(topic.more),
        checks=[other for other in _checks() if _topic(other, every) == asked.topic and other != check.id],
        causes=list(wrongs),
    )


def _cause(name: str, every: Mapping[str, Room]) -> dict[str, Any]:
    from kvmready.checks import ALL
    from kvmready.knowledge.catalogue import CATALOGUE

    cause = CATALOGUE[name]
    room = every[cause.layer]
    wrong = room.causes[name]
    topic = room.topics[wrong.topic]
    asking = {check.id: every[check.layer] for check in ALL if check.id in every[check.layer].checks}
    table = wrong.table() if wrong.table is not None else ()
    return _record(
        "cause",
        name,
        cause.layer,
        cause.title,
        remedy=cause.kind,
        what=_said(topic.what),
        why=_said(topic.why),
        wrong=_said(wrong.wrong),
        look=_looks([*wrong.look, *topic.look]),
        mend=[_mend(name, wrong)],
        table=[{"name": row, "text": text} for row, text in table],
        more=list(dict.fromkeys((*topic.more, *wrong.more))),
        checks=[check for check, of in asking.items() if name in _named(of.checks[check], of)],
        causes=[other for other, one in room.causes.items() if one.topic == wrong.topic and other != name],
    )


def _checks() -> list[str]:
    from kvmready.checks import ALL

    return [check.id for check in ALL]


def _topic(check: str, every: Mapping[str, Room]) -> str | None:
    asked = every[check.split(".", 1)[0]].checks.get(check)
    return None if asked is None else asked.topic


def _named(asked: Asked, room: Room) -> tuple[str, ...]:
    """The causes that a check may name, in the order of the catalogue of its layer."""
    return asked.causes or tuple(name for name, wrong in room.causes.items() if wrong.topic == asked.topic)


def _title(check: Check, room: Room) -> str:
    asked = room.checks.get(check.id)
    return room.layer.purpose if asked is None else asked.title or room.topics[asked.topic].title


def _said(sentences: Iterable[str]) -> list[str]:
    return [_(sentence) for sentence in sentences]


def _looks(looks: Iterable[Look]) -> list[dict[str, Any]]:
    """Each command once, as it is shown first."""
    first: dict[str, Look] = {}
    for look in looks:
        first.setdefault(look.command, look)
    return [
        {**_command(look.command), "good": look.good, "bad": look.bad, "note": _(look.note) if look.note else ""}
        for look in first.values()
    ]


def _mend(name: str, wrong: Wrong) -> dict[str, Any]:
    from kvmready.knowledge.catalogue import CATALOGUE

    cause = CATALOGUE[name]
    return {
        "cause": name,
        "title": _(cause.title),
        "remedy": cause.kind,
        "text": _(_WAYS[cause.kind]),
        "do": [_step(step) for step in wrong.mend],
    }


def _step(step: Do) -> dict[str, Any]:
    return {"text": _(step.text), "commands": [_command(command) for command in step.commands]}


def _command(written: str) -> dict[str, str]:
    """``as``: root, user, or text for a line that is written into a file or a form; ``or``: what else it may be."""
    found = _COMMAND.fullmatch(written)
    if found is None:
        raise ValueError(written)
    aside = found["note"] or ""
    if aside.startswith("or "):
        aside = _("or {name}").format(name=aside[3:])
    return {"command": found["text"], "as": {"# ": "root", "| ": "text"}.get(found["as"], "user"), "aside": aside}
