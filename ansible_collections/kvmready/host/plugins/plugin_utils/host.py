# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""One host as the modules of this collection see it: the program is brought there once, and asked.

A call is one command over Ansible's connection. It looks for a Python and for the program, and answers in one line that
survives a terminal and sudo; only where the program is missing is anything copied.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
import time
import zlib

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

MARK = "kvmready-answer:"
PYTHONS = ("python3", *(f"python3.{minor}" for minor in (14, 13, 12, 11, 10, 9)), "/usr/libexec/platform-python")
"""Where a Python 3.9 or newer is looked for, after the one that the inventory names."""

START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from kvmready import remote; sys.exit(remote.main(sys.argv[1:]))"
)

TRUST = """import os, stat, sys
def distrust(path):
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        sys.exit("kvmready: %s is not a directory that only this user can write: see what it is, then remove it" % path)
"""

LOOK = """set -u
digest=$1 word=$2 request=$3 start=$4 trust=$5
shift 5
if [ "$(id -u)" = 0 ]; then base=/var/cache/kvmready; else base=${HOME:-/nonexistent}/.cache/kvmready; fi
python= seen=
for one in "$@"; do
    path=$(command -v "$one" 2>/dev/null) || continue
    version=$("$path" -c 'import sys; print(".".join(map(str, sys.version_info[:3])))' 2>/dev/null) || version=broken
    case $version in
        3.9.*|3.[1-9][0-9].*) python=$path; break ;;
        *) seen="$seen $path=$version" ;;
    esac
done
if [ -z "$python" ]; then echo "kvmready-python:$seen"; exit 0; fi
if [ ! -e "$base/$digest/.whole" ]; then echo "kvmready-missing:$python:$base"; exit 0; fi
exec "$python" -I -c "$trust
distrust(sys.argv[1]); distrust(sys.argv[2]); del sys.argv[1]
$start" "$base" "$base/$digest" "$word" "$request"
"""
"""Run by sh on the host. It ends with one line that is an answer, ``kvmready-python:`` with the Pythons that are too
old, or ``kvmready-missing:`` with the Python that was found and the folder for the program."""

INSTALL = """import hashlib, io, tempfile, zipfile
base, digest, archive = sys.argv[1:]
if archive == "-":
    import zlib
    content = zlib.decompress(sys.stdin.buffer.read())
else:
    with open(archive, "rb") as file:
        content = file.read()
if hashlib.sha256(content).hexdigest() != digest:
    sys.exit("kvmready: what arrived of the program is not what was sent")
os.umask(0o022)
os.makedirs(base, 0o755, exist_ok=True)
distrust(base)
new = tempfile.mkdtemp(dir=base)
os.chmod(new, 0o755)
try:
    zipfile.ZipFile(io.BytesIO(content)).extractall(new)
    open(os.path.join(new, ".whole"), "wb").close()
    folder = os.open(new, os.O_RDONLY)
    try:
        import ctypes
        synced = ctypes.CDLL(None).syncfs(folder) == 0
    except (AttributeError, ImportError, OSError):
        synced = False
    os.close(folder)
    if not synced:
        os.sync()
    try:
        os.rename(new, os.path.join(base, digest))
    except OSError:
        if not os.path.exists(os.path.join(base, digest, ".whole")):
            raise
        distrust(os.path.join(base, digest))
finally:
    import shutil
    shutil.rmtree(new, ignore_errors=True)
"""
"""Run by Python on the host. The bytes that are unpacked are those that were checked, whatever becomes of the file;
by standard input they come compressed. Of the host's filesystems only the one that they are on is synced."""

TURN = 20
"""Seconds that one call waits for a job on the host."""
PAUSE = 5
"""Seconds until work is begun again that was ended there."""


class Refused(Exception):
    """The host cannot be asked: ``outcome`` in one word, and a sentence."""

    def __init__(self, outcome, message):
        super().__init__(message)
        self.outcome = outcome


class HostAction(ActionBase):
    """What the action plugins share. ``OPTIONS`` is the argument spec of the module, beside what all take."""

    OPTIONS = {}
    EVERY = {
        "archive": {"type": "path"},
        "timeout": {"type": "int", "default": 7200},
        "reconnect": {"type": "int", "default": 300},
        "lang": {"type": "str", "choices": ["en", "zh"], "default": "en"},
    }
    WANTED = {
        "profile": {"type": "str", "choices": ["minimal", "server", "desktop", "web"]},
        "users": {"type": "list", "elements": "str"},
        "nested": {"type": "bool"},
        "iommu": {"type": "bool"},
        "accel": {"type": "str", "choices": ["kvm", "tcg"]},
        "network": {"type": "dict", "options": {"subnet": {"type": "str", "required": True}}},
        "storage": {"type": "dict", "options": {"path": {"type": "path", "required": True}}},
    }

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _valid, options = self.validate_argument_spec(argument_spec={**self.EVERY, **self.OPTIONS})
        self.vars = task_vars or {}
        self.options = options
        result["changed"] = False
        try:
            result.update(self.act(options))
        except Refused as refused:
            result.update(failed=True, outcome=refused.outcome, msg=str(refused))
        finally:
            if self._connection._shell.tmpdir:
                self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def act(self, options):
        """The result of the task. Raises Refused."""
        raise NotImplementedError

    # what is asked

    def request(self, *words):
        """A request to carry out ``words`` for what the task wants of the host."""
        options = self.options
        said = ["--lang", options["lang"], "--format", "json"]
        given = [name for name in self.WANTED if options.get(name) is not None]
        if options.get("profile"):
            said += ["--profile", options["profile"]]
        if options.get("accel"):
            said += ["--accel", options["accel"]]
        for user in options.get("users") or ():
            said += ["--user", user]
        said += [f"--{name}" for name in ("nested", "iommu") if options.get(name)]
        wanted = {name: options[name] for name in ("network", "storage") if options.get(name) is not None}
        if given and not wanted:
            said.append("--no-config")
        return {"words": [*words, *said], "wanted": wanted}

    def now(self, *words):
        """Carry out words that work on nothing, here and now; the answer, see kvmready.remote."""
        return self.ask("run", self.request(*words))

    def job(self, request):
        """Carry out a request as a job of the host's own; the answer when it ended, with ``joined``. Raises Refused."""
        limit = time.monotonic() + self.options["timeout"]
        joined = False
        tries = 0
        while True:
            begun = self.patiently("start", request, limit)
            joined = joined or (begun["same"] and begun.get("found", False))
            answer = self._await(begun["id"], limit)
            if answer["state"] == "died":
                tries += 1
                if tries < 3:
                    time.sleep(PAUSE)  # while the host goes down, what is begun there is ended at once
                    continue  # a reboot, or somebody ended it: its journal tells where to carry on
                raise Refused("failed", f"the work on the host was ended three times: {_last(answer['said'])}")
            if begun["same"] and not answer.get("busy"):
                return {**answer, "joined": joined}

    def _await(self, job, limit):
        while True:
            left = limit - time.monotonic()
            if left <= 0:
                raise Refused(
                    "gave-up-waiting",
                    f"the work did not end in {self.options['timeout']} s; it goes on, and the next run joins it",
                )
            answer = self.patiently("wait", {"id": job, "seconds": min(TURN, left)}, limit)
            if answer["state"] != "working":
                return answer

    # how it is asked

    def patiently(self, word, request, limit):
        """``ask``, and once more where the connection was lost, until the host has been away for ``reconnect`` seconds
        or the time of the task is over."""
        away = None
        while True:
            try:
                return self.ask(word, request)
            except AnsibleConnectionFailure:
                away = away or min(limit, time.monotonic() + self.options["reconnect"])
                if time.monotonic() >= away:
                    raise
                try:
                    self._connection.reset()
                except (AnsibleError, AttributeError):
                    pass  # a connection of a kind that cannot be reset is made anew by itself
                time.sleep(2)

    def ask(self, word, request):
        """The answer of the program on the host. Raises Refused, and AnsibleConnectionFailure."""
        text = base64.b64encode(json.dumps(request).encode("utf-8")).decode("ascii")
        path, digest = self._archive()
        for fetched in (False, True):
            argv = ("sh", "-c", LOOK, "kvmready", digest, word, text, START, TRUST, *self._pythons())
            done = self._low_level_execute_command(" ".join(map(shlex.quote, argv)))
            answer = re.search(re.escape(MARK) + r"([A-Za-z0-9+/=]+)", done["stdout"])
            if answer:
                return self._judged(json.loads(zlib.decompress(base64.b64decode(answer.group(1)))))
            old = re.search(r"kvmready-python:(.*)", done["stdout"])
            if old:
                raise Refused("no-python", _too_old(old.group(1).split()))
            missing = re.search(r"kvmready-missing:([^:\r\n]+):([^\r\n]+)", done["stdout"])
            if missing is None or fetched:
                raise Refused("failed", _said(done) or f"the host gave no answer, status {done['rc']}")
            self._bring(path, digest, missing.group(1), missing.group(2))
        raise AssertionError("the loop ends above")

    def _judged(self, answer):
        if answer["state"] == "failed":
            raise Refused("no-space" if answer["errno"] == 28 else "failed", answer["said"])
        return answer

    def _pythons(self):
        named = self.vars.get("ansible_python_interpreter")
        named = self._templar.template(named) if named else ""
        return (named, *PYTHONS) if named and "/" in named else PYTHONS

    def _archive(self):
        """The program's file on the controller and its SHA-256."""
        path = self.options["archive"] or os.path.join(_collection(), "files", "kvmready.pyz")
        try:
            with open(path, "rb") as file:
                return path, hashlib.sha256(file.read()).hexdigest()
        except OSError as error:
            raise AnsibleActionFail(
                f"{path}: {error.strerror}. The program is built with: python3 -m tools.collection"
            ) from error

    def _bring(self, path, digest, python, base):
        """Bring the program to the host and unpack it there. Raises Refused."""
        if self._connection.is_pipelining_enabled():
            done = self._install(python, base, digest, "-", _compressed(path))
            if not done["rc"]:
                return
            # Where sudo wants a terminal, nothing arrives this way: the file does.
        try:
            folder = self._connection._shell.tmpdir or self._make_tmp_path()
            there = self._transfer_file(path, self._connection._shell.join_path(folder, "kvmready.pyz"))
            self._fixup_perms2((folder, there))
        except AnsibleConnectionFailure as failure:
            if "No space left" in str(failure):
                raise Refused("no-space", str(failure)) from failure
            raise
        except AnsibleError as error:
            raise Refused("no-space" if "No space left" in str(error) else "failed", str(error)) from error
        done = self._install(python, base, digest, there)
        if done["rc"]:
            said = _said(done)
            raise Refused("no-space" if "No space left" in said else "failed", _last(said))

    def _install(self, python, base, digest, archive, content=None):
        argv = (python, "-I", "-c", TRUST + INSTALL, base, digest, archive)
        return self._low_level_execute_command(" ".join(map(shlex.quote, argv)), in_data=content)


# what came of it


def document(answer):
    """The JSON document that the program printed. Raises Refused with its own words where it printed none."""
    try:
        return json.loads(answer["stdout"])
    except ValueError:
        outcome = {2: "failed", 3: "privilege"}.get(answer["status"], "failed")
        raise Refused(outcome, _words(answer["said"]) or f"no report, status {answer['status']}") from None


def told(report):
    """What every result with a report says."""
    return {"report": report, "causes": [cause["cause"] for cause in report["root_causes"]]}


def cause(report):
    """Why a host is not ready, as one sentence or two: the root cause and the way out."""
    found = failing(report)
    if not found:
        if report["proof"] is not None and not report["proof"]["ok"]:
            return report["proof"]["summary"]
        unknown = [one["summary"] for one in report["findings"] if one["status"] == "unknown"]
        if unknown:
            return unknown[0]
        found = report["root_causes"]
        if not found:
            return "no cause was found"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return " ".join(part for part in (found[0]["summary"] + more, found[0]["remedy"]["text"]) if part)


def failing(report):
    """The root causes that keep the host from being ready; others only warn."""
    failed = {finding["cause"] for finding in report["findings"] if finding["status"] == "fail"}
    return [one for one in report["root_causes"] if one["cause"] in failed]


def shell(steps):
    """Steps as text for a diff: what each does, and its commands."""
    lines = []
    for step in steps:
        lines.append(f"# {step['summary']}")
        lines += [shlex.join(command) for command in step.get("commands", ())]
    return "".join(f"{line}\n" for line in lines)


def _compressed(path):
    """The file, by zlib: as the fleet has it beside the file, once for all hosts, or compressed now."""
    try:
        with open(f"{path}.z", "rb") as file:
            return file.read()
    except FileNotFoundError:
        with open(path, "rb") as file:
            return zlib.compress(file.read(), 4)


def _collection():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _too_old(seen):
    found = ", ".join("{0[0]} ({0[2]})".format(one.partition("=")) for one in seen) or "none"
    return f"kvmready needs Python 3.9 or newer on the host. Found there: {found}."


def _said(done):
    """What a command said, wherever: with a terminal both streams are one, and ssh adds a line of its own."""
    lines = [line.strip() for line in (done["stdout"] + "\n" + done["stderr"]).splitlines()]
    ours = [line.partition("kvmready: ")[2] for line in lines if line.startswith("kvmready: ")]
    return "\n".join(ours or [line for line in lines if line and not line.startswith("Shared connection to ")])


def _last(said):
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _words(said):
    """The error that the program printed last, its three parts as one line."""
    begin = said.rfind("kvmready: ")
    return " ".join(said[begin + len("kvmready: ") :].split()) if begin >= 0 else _last(said)
