# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Ask a host whether it is a KVM host."""

from __future__ import annotations

from ansible_collections.kvmready.host.plugins.plugin_utils.host import HostAction, cause, document, told


class ActionModule(HostAction):
    OPTIONS = {
        **HostAction.WANTED,
        "require_ready": {"type": "bool", "default": True},
        "strict": {"type": "bool", "default": False},
    }

    def act(self, options):
        answer = self.now("check", *(["--strict"] if options["strict"] else []))
        report = document(answer)
        result = {**told(report), "outcome": report["verdict"], "msg": report["verdict"]}
        if answer["status"]:
            result.update(outcome="not-ready", msg=cause(report), failed=options["require_ready"])
        return result
