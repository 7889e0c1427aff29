"""Reports whose every word comes from somebody who means harm; each keeps the schema."""

from __future__ import annotations

from typing import Any

from tests.unit.report import samples

TEXTS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover=alert(1) x=\"' autofocus onfocus=alert(1) '",
    "end-tags": "</pre></code></summary></details></title></style></p></body></html><h1>owned</h1>",
    "comment": "--><!-- <![CDATA[ ]]> <?php ?> &lt; &#60; &amp;",
    "url": "javascript:alert(1) http://evil.example/ ![x](http://evil.example/x.png) [y](javascript:1)",
    "fences": "```\n````` </details>\n~~~\n# owned\n| a | b |\n|---|---|\n",
    "closing": "```\n`````\n~~~\n</details>\n\n# owned\n",
    "ticks": "`a``b```c `",
    "people": "@everyone #1 torvalds/linux#1 GH-1 <@U123> !1",
    "syntax": "*a* _b_ __c__ ~~d~~ **e** \\* \\` | \\| a|b <u>f</u> 1. g\n- h\n> i\n    j\n===\n***",
    "controls": "a\x00b\x07c\x1b[31md\x7fe\x85f\u2028g\x0bh",
    "direction": "safe\u202etxt.exe\u2066x\u200f",
    "lone": "half \ud800 pair \udcff \ufffe \uffff",
    "quotes": 'say "hi"\\ and \\" and \\n and {label="x"} 1\nkvmready_ready 1\n',
    "chinese": "虚拟机 名字 ，。",
    "blank": " ",
    "empty": "",
}
TEXTS["all"] = " ".join(TEXTS.values())


def report(text: str) -> dict[str, Any]:
    """A report with ``text`` wherever the schema lets a host speak."""
    said = text or "-"
    evidence = [{"source": said, "text": text}, {"source": said, "text": f"{text}\n{text}"}]
    commands = [[text, "-x", text], [said]]
    remedy = {"kind": "manual", "text": said, "commands": commands}
    statuses = ("fail", "warn", "pass", "unknown", "skip", "blocked")
    findings = [
        samples.finding(
            f"kernel.a-{status}",
            status,
            said,
            cause=f"kernel.b-{status}" if status in ("fail", "warn") else None,
            remedy=remedy if status in ("fail", "warn", "unknown") else samples.NO_REMEDY,
            blocked_by=["kernel.a-fail"] if status == "blocked" else [],
        )
        for status in statuses
    ]
    for finding in findings:
        finding["evidence"] = evidence
    step = {"id": said, "kind": said, "summary": said}
    made = samples.report(
        *findings,
        version=said,
        users=[said],
        verdict="not-ready",
        next={"text": said, "command": [text, said]},
        plan={
            "id": "0" * 64,
            "profile": said,
            "users": [said],
            "steps": [{**step, "layer": "kernel", "commands": commands, "mends": [], "note": text}],
        },
        proof={
            "level": "none",
            "wanted": "qemu",
            "ok": False,
            "summary": said,
            "user": text,
            "witness": text,
            "accel": "tcg",
            "steps": [
                {"id": said, "status": status, "seconds": 1.5, "evidence": evidence, "cause": None}
                for status in ("pass", "fail", "skip", "unknown")
            ],
        },
    )
    made["host"] = {
        "hostname": text,
        "arch": text,
        "kernel": text,
        "os": {"id": text, "version_id": text, "name": text},
        "machine": "vm",
        "hypervisor": text,
    }
    made["acceleration"]["why"] = text
    return made


def after_a_run(text: str) -> dict[str, Any]:
    """The same after a run, whose steps speak too."""
    said = text or "-"
    steps = [
        {"id": said, "kind": said, "summary": said, "status": status, "seconds": 0.25} for status in ("done", "skipped")
    ]
    return {**report(text), "run": {"id": said, "plan": "0" * 64, "resumed": False, "steps": steps}}
