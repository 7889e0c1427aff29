# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Run a guest on a host."""

from __future__ import annotations

from ansible_collections.kvmready.host.plugins.plugin_utils.host import HostAction, cause, document, told


class ActionModule(HostAction):
    _supports_check_mode = True
    OPTIONS = {**HostAction.WANTED, "level": {"type": "str", "choices": ["probe", "qemu", "libvirt"]}}

    def act(self, options):
        if self._task.check_mode:
            return {"skipped": True, "msg": "in check mode no guest is run"}
        answer = self.now("prove", *(["--level", options["level"]] if options["level"] else []))
        report = document(answer)
        result = {**told(report), "outcome": "ready", "msg": (report["proof"] or {}).get("summary", "")}
        if answer["status"]:
            result.update(failed=True, outcome="not-ready", msg=result["msg"] or cause(report))
        return result
