"""Kind ``module-parameter``: load a module again that nobody uses, so that it reads its options anew."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan.command import change, explain
from kvmready.plan.step import Say, Step
from kvmready.typed import Any


def _value(host: Door, step: Step) -> str:
    module, name = step.arguments["module"], step.arguments["parameter"]
    return host.read(f"/sys/module/{module}/parameters/{name}", 256).text.strip()


def _same(one: str, other: str) -> bool:
    """The kernel writes a yes as Y or 1: lib/kernel-params, param_get_bool."""
    words = {"Y": "1", "y": "1", "N": "0", "n": "0"}
    return words.get(one, one) == words.get(other, other)


def done(host: Door, step: Step) -> bool:
    """Whether the loaded module has that value."""
    return _same(_value(host, step), str(step.arguments["value"]))


def former(host: Door, step: Step) -> dict[str, Any]:
    return {"value": _value(host, step)}


def _users(host: Door, module: str) -> str:
    return host.read(f"/sys/module/{module}/refcnt", 32).text.strip()


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Unload and load it. Raises WorkError when somebody uses it, or the value is not there afterwards."""
    module = str(step.arguments["module"])
    if _users(host, module) not in ("0", ""):
        raise WorkError(
            _("The module {name} is in use: a guest runs.").format(name=module),
            "",
            _("Shut down all guests, then run kvmready again."),
        )
    for argv in step.commands:
        change(host, argv, 60)
    if not done(host, step):
        raise WorkError(
            _("The module {name} was loaded again, but did not take its new option.").format(name=module),
            f"{step.arguments['parameter']}={_value(host, step)}",
            _("Look for another option that speaks against it: grep -r {name} /etc/modprobe.d").format(name=module),
        )
    return {}


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Load it with the former value; an option on modprobe's command line beats those of files: modprobe(8)."""
    module, name = str(step.arguments["module"]), step.arguments["parameter"]
    if not former["value"] or _same(_value(host, step), str(former["value"])):
        return ()
    for argv in (
        ("modprobe", "--remove", "--", module),
        ("modprobe", "--", module, f"{name}={former['value']}"),
    ):
        result = host.change(Command(argv, timeout=60))
        if not result.ok:
            why = explain(result)
            return (_("The module {name} keeps its option until the next reboot: {why}").format(name=module, why=why),)
    return ()
