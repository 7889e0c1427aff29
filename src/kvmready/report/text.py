"""The record for people: the host as a stack with its guest on top, the verdict, and what needs attention.

Drawn from the record alone, so that a saved report is shown just like a fresh one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from kvmready.i18n import N_, _
from kvmready.report import text_work
from kvmready.report.canvas import STYLES, WORDS, Canvas, cells

Record = Mapping[str, Any]

HEADLINES = {
    # the checks whose summary says most of a layer that passes, the best first
    "hardware": ("hardware.cpu-virtualization",),
    "kernel": ("kernel.acceleration", "kernel.kvm-runs", "kernel.kvm-device"),
    "qemu": ("qemu.kvm-accel", "qemu.emulator"),
    "libvirt": ("libvirt.connect", "libvirt.daemon"),
    "services": ("services.libvirtd",),
    "network": ("network.default-network",),
    "storage": ("storage.default-pool",),
    "access": ("access.libvirt-group", "access.kvm-group", "access.session"),
}

MACHINES = {
    "bare-metal": N_("bare metal"),
    "vm": N_("virtual machine"),
    "container": N_("container"),
    "wsl": N_("WSL"),
}

VERDICTS = {
    "ready": ("pass", N_("ready")),
    "ready-with-warnings": ("warn", N_("ready, with warnings")),
    "not-ready": ("fail", N_("not ready")),
}

INDENT = 5
"""Columns before what belongs to a numbered or marked line."""


def report(record: Record, stream: TextIO, verbose: bool = False) -> None:
    """Draw the report on ``stream``; ``verbose`` adds every finding with its evidence."""
    canvas = Canvas(stream)
    things: list[Any] = [""]
    things += _stack(canvas, record)
    things += _verdict(canvas, record)
    if verbose:
        things += _findings(canvas, record)
    things += _attention(canvas, record)
    if record["run"] is not None:
        things += text_work.run(canvas, record["run"])
    if record["proof"] is not None:
        things += text_work.proof(canvas, record["proof"])
    things += _next(canvas, record)
    canvas.write(things)


def plan(record: Record, stream: TextIO) -> None:
    """Draw the record's plan: numbered steps with their exact commands."""
    canvas = Canvas(stream)
    canvas.write(text_work.plan(canvas, record["plan"]))


def _host(canvas: Canvas, record: Record) -> Any:
    host = record["host"]
    machine = _(MACHINES[host["machine"]])
    if host["hypervisor"] and host["machine"] == "vm":
        machine = _("VM under {hypervisor}").format(hypervisor=host["hypervisor"])
    system = host["os"]["name"] or host["os"]["id"] or _("unknown Linux")
    more = [part for part in (system, host["arch"], machine) if part]
    separator = canvas.glyph("between")
    return canvas.block(2, (host["hostname"], "bold"), *((separator + part, "dim") for part in more))


def _stack(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Nine layers between the ground and the guest that stands on them."""
    layers = record["layers"]
    names = max(cells(layer["id"]) for layer in layers) + 2
    words = max(cells(_(word)) for word in WORDS.values()) + 2
    room = canvas.width - 5 - names - words - 2
    yield _host(canvas, record)
    yield ""
    glyph, word, phrase, style = _crown(record)
    yield canvas.text(
        "  ",
        (canvas.glyph(glyph) + "  ", style),
        canvas.padded(_("guest"), names, style),
        canvas.padded(word, words, style),
        (canvas.fitted(phrase, room), style),
    )
    yield canvas.rule("line")
    for layer in reversed(layers):
        status = layer["status"]
        quiet = "dim" if status in ("skip", "blocked") else ""
        yield canvas.text(
            "  ",
            (canvas.glyph(status) + "  ", STYLES[status]),
            canvas.padded(layer["id"], names, quiet),
            canvas.padded(_(WORDS[status]), words, STYLES[status]),
            (canvas.fitted(_phrase(record, layer["id"], status), room), quiet),
        )
    yield canvas.rule("ground")


def _crown(record: Record) -> tuple[str, str, str, str]:
    """Glyph, word, phrase and style of the guest on top of the stack."""
    proof = record["proof"]
    if proof is None:
        return "skip", "", _("not proven yet"), "dim"
    if not proof["ok"]:
        failed = next((step["id"] for step in proof["steps"] if step["status"] == "fail"), proof["level"])
        return "fail", _(WORDS["fail"]), _("no guest proved itself: {step}").format(step=failed), STYLES["fail"]
    if proof["accel"] == "tcg":
        return "guest", _("ran"), _("under EMULATION (TCG), not under KVM"), "bold yellow"
    return "guest", _("ran"), _("under KVM, level {level}").format(level=proof["level"]), "bold green"


def _phrase(record: Record, layer: str, status: str) -> str:
    findings = [finding for finding in record["findings"] if finding["layer"] == layer]
    if not findings:
        if record["only"]:
            return _("not asked")
        return _("not part of the profile {profile}").format(profile=record["profile"])
    worst = [finding for finding in findings if finding["status"] == status]
    if status == "blocked":
        rests_on = dict.fromkeys(name.split(".")[0] for finding in worst for name in finding["blocked_by"])
        return _("waits for {layers}").format(layers=", ".join(rests_on))
    if status == "pass":
        by_id = {finding["check"]: finding for finding in worst}
        for check in HEADLINES.get(layer, ()):
            if check in by_id:
                return str(by_id[check]["summary"])
    return str(worst[0]["summary"])


def _verdict(canvas: Canvas, record: Record) -> Iterator[Any]:
    status, words = VERDICTS[record["verdict"]]
    statuses = [finding["status"] for finding in record["findings"]]
    causes = _causes(record)
    failures = sum(1 for _cause, own in causes if own[0]["status"] == "fail")
    mended = sum(1 for cause, own in causes if own[0]["status"] == "fail" and _mends(record, cause["cause"]))
    counts = []
    if failures and mended == failures:
        words_for = _("1 cause, kvmready can mend it") if failures == 1 else _("{count} causes, kvmready can mend all")
        counts.append(words_for.format(count=failures))
    elif mended:
        counts.append(_("{count} causes, kvmready can mend {mended}").format(count=failures, mended=mended))
    elif failures:
        words_for = _("1 cause, to be mended by hand") if failures == 1 else _("{count} causes, to be mended by hand")
        counts.append(words_for.format(count=failures))
    for name, one, many in (
        ("warn", N_("1 warning"), N_("{count} warnings")),
        ("unknown", N_("1 unknown"), N_("{count} unknown")),
        ("pass", N_("1 check passes"), N_("{count} checks pass")),
    ):
        count = statuses.count(name)
        if count and (name != "pass" or not failures):
            counts.append(_(one) if count == 1 else _(many).format(count=count))
    yield ""
    separator = canvas.glyph("between")
    yield canvas.block(2, (_(words).upper(), _loud(status)), *((separator + count, "") for count in counts))


def _loud(status: str) -> str:
    return "bold " + STYLES[status].replace("bold ", "")


def _causes(record: Record) -> list[tuple[Record, list[Record]]]:
    """Each root cause with the findings that name it, at least one."""
    paired = []
    for cause in record["root_causes"]:
        own = [finding for finding in record["findings"] if finding["cause"] == cause["cause"]]
        if own:
            paired.append((cause, own))
    return paired


def _mends(record: Record, cause: str) -> bool:
    steps = record["plan"]["steps"] if record["plan"] is not None else ()
    return any(cause in step["mends"] for step in steps)


def _attention(canvas: Canvas, record: Record) -> Iterator[Any]:
    """The causes in the order in which to mend them, then what could not be asked."""
    told: dict[str, int] = {}
    for number, (cause, own) in enumerate(_causes(record), 1):
        status = own[0]["status"]
        yield ""
        yield _marked(canvas, str(number), status, cause["summary"])
        yield canvas.block(INDENT, (cause["cause"], "dim"))
        seen = {(one["source"], one["text"]): one for finding in own for one in finding["evidence"]}
        yield from _evidence(canvas, seen.values())
        yield from _remedy(canvas, cause["remedy"], _mends(record, cause["cause"]), told, number)
        others = [check for check in cause["explains"] if check not in {finding["check"] for finding in own}]
        if others:
            words = _("also explains {count}: {checks}") if len(others) > 1 else _("also explains {checks}")
            said = words.format(count=len(others), checks=", ".join(others))
            yield canvas.block(INDENT, (canvas.fitted(said, canvas.width - INDENT - 2), "dim"))
    for finding in record["findings"]:
        if finding["status"] == "unknown":
            yield ""
            yield _marked(canvas, " ", "unknown", finding["summary"])
            yield canvas.block(INDENT, (finding["check"], "dim"))
            yield from _evidence(canvas, finding["evidence"])
            yield from _remedy(canvas, finding["remedy"], False, told, 0)


def _marked(canvas: Canvas, number: str, status: str, summary: str) -> Any:
    mark = f"{number:>2} {canvas.glyph(status)} "
    return canvas.block(0, (mark, STYLES[status]), (summary, "bold"), hang=INDENT)


def _evidence(canvas: Canvas, evidence: Iterable[Record]) -> Iterator[Any]:
    for seen in evidence:
        yield from text_work.evidence(canvas, seen, INDENT)


def _remedy(canvas: Canvas, remedy: Record, planned: bool, told: dict[str, int], number: int) -> Iterator[Any]:
    """The way out. Commands that ``told`` holds under an earlier cause's number are named by that number only."""
    if remedy["kind"] == "none":
        return
    said = remedy["text"]
    if planned and remedy["kind"] == "automatic":
        said = _("kvmready up: {remedy}").format(remedy=said)
    yield canvas.block(INDENT, (canvas.glyph("next") + " ", "bold"), said, hang=2)
    key = repr(remedy["commands"])
    if remedy["commands"] and told.setdefault(key, number) != number:
        same = _("by the same commands as {number}").format(number=told[key])
        yield canvas.block(INDENT + 4, (same, "dim"))
    else:
        yield from text_work.commands(canvas, remedy["commands"], INDENT + 4)


def _findings(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Every finding with its evidence, bottom up, a line between the layers."""
    layer = ""
    for finding in record["findings"]:
        if finding["layer"] != layer:
            layer = finding["layer"]
            yield ""
            yield canvas.text("  ", (layer, "bold underline"))
        status = finding["status"]
        mark = (f"  {canvas.glyph(status)}  ", STYLES[status])
        yield canvas.block(0, mark, finding["check"], (f"  {_(WORDS[status])}", STYLES[status]))
        yield canvas.block(INDENT, finding["summary"])
        yield from _evidence(canvas, finding["evidence"])
        if finding["blocked_by"]:
            waits = _("waits for {checks}").format(checks=", ".join(finding["blocked_by"]))
            yield canvas.block(INDENT, (waits, "dim"), hang=2)


def _next(canvas: Canvas, record: Record) -> Iterator[Any]:
    """The one thing to do next, last, where the eye is when the text has scrolled by."""
    move = record["next"]
    if move is None:
        return
    yield ""
    yield canvas.block(2, (canvas.glyph("next") + " " + _("Next:") + " ", "bold cyan"), (move["text"], ""), hang=2)
    if move["command"] is not None:
        yield from text_work.commands(canvas, [move["command"]], 6, "bold")
    yield ""
