# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Make a host a KVM host, as a job of its own."""

from __future__ import annotations

from ansible_collections.kvmready.host.plugins.plugin_utils.host import (
    HostAction,
    Refused,
    cause,
    document,
    failing,
    shell,
    told,
)


class ActionModule(HostAction):
    _supports_check_mode = True
    _supports_diff = True
    OPTIONS = {
        **HostAction.WANTED,
        "plan": {"type": "str"},
        "strict": {"type": "bool", "default": False},
    }

    def act(self, options):
        words = ["--strict"] if options["strict"] else []
        if self._task.check_mode or options["plan"] == "":
            return self._looked(options, words)
        if options["plan"]:
            words += ["--plan", options["plan"]]
        return self._done(words)

    def _looked(self, options, words):
        """What would be done, or the proof where that is nothing; failed only where that makes no host ready."""
        answer = self.now("up", *(["--dry-run"] if self._task.check_mode else ["--yes", "--plan", ""]), *words)
        report = document(answer)
        steps = report["plan"]["steps"]
        result = {**told(report), "outcome": report["verdict"], "changed": bool(steps and self._task.check_mode)}
        result["msg"] = _plan(steps)
        if report["proof"] is not None:
            outcome = "not-ready" if answer["status"] else report["verdict"]
            result.update(outcome=outcome, msg=outcome)
        if options["plan"] and steps and report["plan"]["id"] != options["plan"]:
            result.update(failed=True, msg="The host needs another plan than the one that was approved.")
        mended = {name for step in steps for name in step["mends"]}
        left = [one for one in failing(report) if one["cause"] not in mended]
        if answer["status"] and (left or not steps):
            result.update(failed=True, msg=cause({**report, "root_causes": left}))
        if self._task.diff:
            result["diff"] = [{"before": "", "after": shell(steps), "after_header": f"plan {report['plan']['id']}"}]
        return result

    def _done(self, words):
        answer = self.job(self.request("up", "--yes", *words))
        done = [step for step in answer["done"] if not step["undo"]]
        result = {"changed": answer["changed"], "joined": answer["joined"]}
        if self._task.diff and done:
            result["diff"] = [{"before": "", "after": shell(done), "after_header": f"run {done[-1]['run']}"}]
        try:
            report = document(answer)
        except Refused as refused:
            return {**result, "failed": True, "outcome": refused.outcome, "msg": str(refused)}
        result.update(told(report), outcome=report["verdict"], msg=report["verdict"])
        if answer["status"]:
            result.update(failed=True, outcome="not-ready", msg=cause(report))
        return result


def _plan(steps):
    if not steps:
        return "there is nothing to change"
    return f"{len(steps)} steps: " + "; ".join(step["summary"] for step in steps)
