# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Take back what kvmready changed on a host, as a job of its own."""

from __future__ import annotations

from ansible_collections.kvmready.host.plugins.plugin_utils.host import HostAction, Refused, document


class ActionModule(HostAction):
    _supports_check_mode = True
    _supports_diff = True
    OPTIONS = {"run": {"type": "str"}, "force": {"type": "bool", "default": False}}

    def act(self, options):
        run = self._standing(options["run"])
        if run is None:
            return {"outcome": "undone", "steps": [], "msg": "there is nothing to undo"}
        steps = [step["summary"] for step in reversed(run["steps"]) if step["status"] not in ("undone", "skipped")]
        result = {"run": run["run"], "steps": steps, "outcome": "undone", "changed": True}
        if self._task.diff:
            result["diff"] = [{"before": "".join(f"{step}\n" for step in steps), "after": ""}]
        if self._task.check_mode:
            return {**result, "msg": f"{len(steps)} steps would be taken back"}
        force = ["--force"] if options["force"] else []
        answer = self.job(self.request("undo", "--yes", *force, run["run"]))
        result["changed"] = answer["changed"]
        try:
            undone = document(answer)
        except Refused as refused:
            return {**result, "failed": True, "outcome": refused.outcome, "msg": str(refused)}
        said = f"{len(undone['steps'])} steps were taken back"
        return {**result, "steps": undone["steps"], "stays": undone["stays"], "msg": said}

    def _standing(self, named):
        """The run to take back, from the host's history; None where there is none."""
        runs = document(self.now("history"))["runs"]
        if named:
            runs = [run for run in runs if run["run"] == named]
            if not runs:
                raise Refused("failed", f"There is no run {named} on this host.")
        changed = [
            run for run in runs if run["state"] != "undone" and any(s["status"] != "skipped" for s in run["steps"])
        ]
        return changed[-1] if changed else None
