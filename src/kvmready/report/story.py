"""What a report says and in which order, before anybody draws it: text, Markdown and the page tell the same story."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kvmready.i18n import N_, _
from kvmready.report.canvas import quoted, visible
from kvmready.typed import Any

Record = Mapping[str, Any]

HEADLINES = {
    # the checks whose summary says most of a layer that passes, the best first
    "hardware": ("hardware.cpu-virtualization",),
    "kernel": ("kernel.acceleration", "kernel.kvm-runs", "kernel.kvm-device"),
    "qemu": ("qemu.kvm-accel", "qemu.emulator"),
    "libvirt": ("libvirt.connect", "libvirt.daemon"),
    "services": ("services.libvirtd", "services.virtqemud"),
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


def machine(record: Record) -> str:
    """What kind of machine the host is."""
    host = record["host"]
    if host["hypervisor"] and host["machine"] == "vm":
        return _("VM under {hypervisor}").format(hypervisor=host["hypervisor"])
    return _(MACHINES[host["machine"]])


def system(record: Record) -> str:
    """The host's distribution, in its own words where it has some."""
    release = record["host"]["os"]
    return release["name"] or release["id"] or _("unknown Linux")


def crown(record: Record) -> tuple[str, str]:
    """Whether a guest stands on the stack, and the words for it.

    ``skip``: nobody tried; ``fail``: none proved itself; ``tcg``: one ran, but emulated; ``kvm``: one ran under KVM.
    """
    proof = record["proof"]
    if proof is None:
        return "skip", _("not proven yet")
    if not proof["ok"]:
        failed = next((step["id"] for step in proof["steps"] if step["status"] == "fail"), proof["level"])
        return "fail", _("no guest proved itself: {step}").format(step=failed)
    if proof["accel"] == "tcg":
        return "tcg", _("under EMULATION (TCG), not under KVM")
    return "kvm", _("under KVM, level {level}").format(level=proof["level"])


def phrase(record: Record, layer: str, status: str) -> str:
    """The one sentence that says most of a layer with this status."""
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


def counts(record: Record) -> list[str]:
    """What stands beside the verdict: how many causes, and who can mend them, warnings, unknowns, passes."""
    statuses = [finding["status"] for finding in record["findings"]]
    causes = paired(record)
    failures = sum(1 for _cause, own in causes if own[0]["status"] == "fail")
    mended = sum(1 for cause, own in causes if own[0]["status"] == "fail" and mends(record, cause["cause"]))
    said = []
    if failures and mended == failures:
        words_for = _("1 cause, kvmready can mend it") if failures == 1 else _("{count} causes, kvmready can mend all")
        said.append(words_for.format(count=failures))
    elif mended:
        said.append(_("{count} causes, kvmready can mend {mended}").format(count=failures, mended=mended))
    elif failures:
        words_for = _("1 cause, to be mended by hand") if failures == 1 else _("{count} causes, to be mended by hand")
        said.append(words_for.format(count=failures))
    for name, one, many in (
        ("warn", N_("1 warning"), N_("{count} warnings")),
        ("unknown", N_("1 unknown"), N_("{count} unknown")),
        ("pass", N_("1 check passes"), N_("{count} checks pass")),
    ):
        count = statuses.count(name)
        if count and (name != "pass" or not failures):
            said.append(_(one) if count == 1 else _(many).format(count=count))
    return said


def paired(record: Record) -> list[tuple[Record, list[Record]]]:
    """Each root cause with the findings that name it, at least one."""
    found = []
    for cause in record["root_causes"]:
        own = [finding for finding in record["findings"] if finding["cause"] == cause["cause"]]
        if own:
            found.append((cause, own))
    return found


def unknowns(record: Record) -> list[Record]:
    """The findings that could not be asked: they have a way out of their own, but no cause."""
    return [finding for finding in record["findings"] if finding["status"] == "unknown"]


def mends(record: Record, cause: str) -> bool:
    """Whether a step of the record's plan mends ``cause``."""
    steps = record["plan"]["steps"] if record["plan"] is not None else ()
    return any(cause in step["mends"] for step in steps)


def evidence(findings: Iterable[Record]) -> list[Record]:
    """What was seen, over these findings, each once."""
    return list({(one["source"], one["text"]): one for finding in findings for one in finding["evidence"]}.values())


def others(cause: Record, own: Iterable[Record]) -> list[str]:
    """The checks that ``cause`` explains beside its own findings."""
    named = {finding["check"] for finding in own}
    return [check for check in cause["explains"] if check not in named]


def also_explains(checks: Sequence[str]) -> str:
    words = _("also explains {count}: {checks}") if len(checks) > 1 else _("also explains {checks}")
    return words.format(count=len(checks), checks=", ".join(checks))


def remedy(text: str, kind: str, planned: bool) -> str:
    """The way out; what ``up`` does by itself is said as its command."""
    return _("kvmready up: {remedy}").format(remedy=text) if planned and kind == "automatic" else text


def lines(text: str) -> list[str]:
    """``text`` as data, line by line: tabs as spaces, other control and direction characters as escapes."""
    return [visible(line.expandtabs()) for line in text.splitlines()] or [""]


def shell(commands: Iterable[Sequence[str]]) -> str:
    """Commands as they can be pasted into a shell, one a line."""
    return "\n".join(" ".join(map(quoted, argv)) for argv in commands)


def duration(seconds: float | None) -> str:
    """A time as people say it: 6 ms, 5.6 s, 2 min 28 s; empty where none was taken."""
    if seconds is None:
        return ""
    if seconds < 0.1:
        return _("{count} ms").format(count=f"{seconds * 1000:.0f}")
    if seconds < 60:
        return _("{count} s").format(count=f"{seconds:.1f}")
    return _("{minutes} min {seconds} s").format(minutes=int(seconds // 60), seconds=int(seconds % 60))


def line(text: str) -> str:
    """A text of several lines in one."""
    return " ".join(text.splitlines())
