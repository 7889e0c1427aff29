# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Back up guests of a host where they are, as a job of its own."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail

from ansible_collections.kvmready.host.plugins.plugin_utils.host import HostAction, Refused, document


class ActionModule(HostAction):
    _supports_check_mode = True
    _supports_diff = True
    OPTIONS = {
        "names": {"type": "list", "elements": "str"},
        "all": {"type": "bool"},
        "to": {"type": "path", "default": "/var/lib/kvmready/backups"},
        "incremental": {"type": "bool", "default": False},
        "method": {"type": "str", "choices": ["auto", "job", "snapshot"], "default": "auto"},
        "keep_daily": {"type": "int"},
        "keep_weekly": {"type": "int"},
    }

    def act(self, options):
        if bool(options["names"]) == bool(options["all"]):
            raise AnsibleActionFail("say either names, the guests to back up, or all")
        if not options["to"].startswith("/"):
            raise AnsibleActionFail(f"to is the absolute path of a directory on the host, not {options['to']}")
        return self._planned() if self._task.check_mode else self._done()

    # the command lines

    def _create(self, *words):
        """The request to back up. Behind "--" a name that begins with a hyphen is a name."""
        options = self.options
        words = [f"--to={options['to']}", f"--method={options['method']}", *words]
        words += ["--incremental"] if options["incremental"] else []
        words += ["--all"] if options["all"] else []
        request = self.request("backup", "create", *words)
        request["words"] += ["--", *options["names"]] if options["names"] else []
        return request

    def _prune(self, *words):
        """The request to delete what is not kept; None where nothing was said of that."""
        kept = [(name, self.options[f"keep_{name}"]) for name in ("daily", "weekly")]
        if all(count is None for name, count in kept):
            return None
        said = [f"--keep-{name}={0 if count is None else count}" for name, count in kept]
        return self.request("backup", "prune", f"--from={self.options['to']}", *said, *words)

    def _there(self):
        """The ids of the backups that there are."""
        listed = document(self.now("backup", "list", f"--from={self.options['to']}"))
        return {one["id"] for one in listed["backups"]}

    # what came of them

    def _planned(self):
        guests = document(self.ask("run", self._create("--dry-run")))["guests"]
        prune = self._prune("--dry-run")
        gone = document(self.ask("run", prune))["gone"] if prune else []
        backups = [_would(one) for one in guests]
        result = {"changed": True, "outcome": "planned", "backups": backups, "removed": [one["id"] for one in gone]}
        result["msg"] = f"{_guests(backups)} would be backed up"
        if self._task.diff:
            lines = [f"{one['name']}: {disk['target']} {disk['path']}" for one in backups for disk in one["disks"]]
            result["diff"] = [_diff([one["id"] for one in gone], [*lines, "the host's configuration"])]
        return _judged(result)

    def _done(self):
        before = self._there()
        answer = self.job(self._create())
        result = {"joined": answer["joined"], "removed": [], "changed": False}
        try:
            backups = [_made(one) for one in document(answer)["guests"]]
        except Refused as refused:
            # What was finished before it failed as a whole is kept.
            result["changed"] = bool(self._there() - before)
            return {**result, "backups": [], "failed": True, "outcome": refused.outcome, "msg": str(refused)}
        good = [one for one in backups if one["ok"]]
        result.update(backups=backups, outcome="saved", changed=bool(good), msg=f"{_guests(good)} were backed up")
        prune = self._prune("--yes")
        if prune and len(good) == len(backups):
            pruned = self.job(prune)
            try:
                result["removed"] = [one["id"] for one in document(pruned)["gone"]]
            except Refused as refused:
                result.update(failed=True, outcome=refused.outcome, msg=f"{result['msg']}, but {refused}")
        if self._task.diff:
            result["diff"] = [_diff(result["removed"], [one["folder"] for one in good])]
        return _judged(result)


def _would(one):
    """A guest as it would be saved."""
    return {name: one[name] for name in ("name", "uuid", "ok", "error", "level", "method", "size", "disks", "left_out")}


def _made(one):
    """A guest, or the host where the name is empty, and where its backup is."""
    found = one["backup"]
    result = {"name": one["name"], "ok": one["ok"], "error": one["error"]}
    if found is not None:
        result.update({name: found[name] for name in ("id", "uuid", "folder", "level", "method", "size", "left_out")})
        result["manifest"] = f"{found['folder']}/manifest.json"
        result["files"] = found["items"]
    return result


def _guests(backups):
    count = sum(1 for one in backups if one["ok"] and one["name"])
    return "1 guest" if count == 1 else f"{count} guests"


def _diff(before, after):
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def _judged(result):
    """Failed where one of the guests could not be saved; the sentence is that of the first."""
    bad = [one for one in result["backups"] if not one["ok"]]
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        result.update(failed=True, outcome="failed", msg=f"{bad[0]['name'] or 'the host'}: {bad[0]['error']}{more}")
    return result
