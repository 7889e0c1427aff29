"""What the fleet starts on a host: it runs kvmready there, apart from the connection that asked.

It is called with a word and a request, base64 of JSON. The answer is one line, ``kvmready-answer:`` and base64 of zlib
of JSON, which arrives whole through a terminal, sudo and whatever else speaks in between. The words::

    run    REQUEST    carry out ``words`` here and now
    start  REQUEST    begin ``words`` as a job of its own, or name the one that works already
    wait   REQUEST    up to ``seconds`` for the end of the job ``id``
    work   ID         the job itself

A job is ``DIRECTORY/ID.*``: its request, its output, and ``ID.end`` when it ended. One works at a time and holds the
lock; it lives on when the connection is lost, and the journal of its run tells the next one where to carry on.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Mapping, Sequence

from kvmready.errors import EXIT_INTERRUPTED
from kvmready.typed import Any

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DIRECTORY = "/var/lib/kvmready/jobs"
RUNS = "/var/lib/kvmready/runs"
MARK = "kvmready-answer:"
BEGINNING = 30.0
"""Seconds in which a job has to take its lock; one that has not is dead."""
LAST_WORDS = 4096
"""Bytes of the output for people that an answer holds at the most."""
KEPT = 5
"""Jobs of which the output is kept."""

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from kvmready import remote; sys.exit(remote.main(sys.argv[1:]))"
)


def main(arguments: Sequence[str]) -> int:
    """Do what the first word says; gives the exit status."""
    for name in [name for name in os.environ if name.startswith("SUDO_")]:
        del os.environ[name]  # whoever carried the fleet here is not the one who will run guests
    if arguments[0] == "work":
        return work(arguments[1])
    import base64
    import json
    import zlib

    request = json.loads(base64.b64decode(arguments[1]))
    try:
        answer = {"run": run, "start": start, "wait": wait}[arguments[0]](request)
    except OSError as error:
        answer = {"state": "failed", "errno": error.errno, "said": f"{error.filename or DIRECTORY}: {error.strerror}"}
    text = zlib.compress(json.dumps(answer).encode("utf-8"))
    sys.stdout.write(MARK + base64.b64encode(text).decode("ascii") + "\n")
    sys.stdout.flush()
    return 0


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a command line and give its ``status``, ``stdout`` and the end of its ``stderr``."""
    import tempfile

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        words = [*request["words"], *_wanted(request)]
        status = _carry_out(words, out.fileno(), said.fileno())
        return {"state": "ended", "status": status, "stdout": _all(out.fileno()), "said": _end(said.fileno())}


def start(request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin the job of a request. Where one works already, that one is named; ``same``: it does what is asked."""
    import json

    os.makedirs(DIRECTORY, 0o700, exist_ok=True)
    working = _working()
    if working:
        same = _same(json.loads(_read(f"{working}.request")), request)
        return {"state": "started", "id": working, "same": same, "found": True}
    _clear()
    id_ = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + os.urandom(2).hex()
    _write(f"{id_}.request", json.dumps(request))
    _launch(id_)
    return {"state": "started", "id": id_, "same": True, "found": False}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two requests want the same of the host. The plan that was approved is no part of that: it was for the
    state before the work began.
    """

    def wanted(request: Mapping[str, Any]) -> tuple[list[str], Any]:
        words = list(request["words"])
        if "--plan" in words:
            place = words.index("--plan")
            del words[place : place + 2]
        return words, request.get("wanted")

    return wanted(one) == wanted(other)


def wait(request: Mapping[str, Any]) -> dict[str, Any]:
    """``state`` is ``ended`` with what ``run`` gives and whether the host was ``changed``, ``working``, or ``died``."""
    import json

    id_, limit = str(request["id"]), time.monotonic() + float(request["seconds"])
    while True:
        working = _working()
        end = _read(f"{id_}.end")
        if end:
            return {"state": "ended", **json.loads(end), "stdout": _text(f"{id_}.out"), "said": _last(id_)}
        if working != id_:
            began = os.path.exists(f"{DIRECTORY}/{id_}.begun")
            try:
                age = time.time() - os.stat(f"{DIRECTORY}/{id_}.request").st_mtime
            except FileNotFoundError:
                return {"state": "died", "said": ""}
            if began or age > BEGINNING:
                return {"state": "died", "said": _last(id_)}
        if time.monotonic() >= limit:
            return {"state": "working", "said": _last(id_)}
        time.sleep(0.1)


def work(id_: str) -> int:
    """Carry out the request of a job, alone."""
    import json

    lock = os.open(f"{DIRECTORY}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _write(f"{id_}.end", json.dumps({"busy": True, "status": 1, "changed": False, "done": []}))
        return 1
    _write("current", id_)
    _write(f"{id_}.begun", "")
    request = json.loads(_read(f"{id_}.request"))
    before = _journals()
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    out, said = (os.open(f"{DIRECTORY}/{id_}.{name}", flags, 0o600) for name in ("out", "said"))
    status = _carry_out([*request["words"], *_wanted(request)], out, said)
    if status == EXIT_INTERRUPTED:
        return status  # the host goes down, or somebody ended it: as if it had been killed
    changed = _changed(before)
    _write(f"{id_}.end", json.dumps({"status": status, "changed": bool(changed), "done": changed}))
    return 0


def _wanted(request: Mapping[str, Any]) -> list[str]:
    """The words that name a configuration file with what options cannot say; it is written for them."""
    import json

    wanted = request.get("wanted")
    if not wanted:
        return []
    folder = DIRECTORY if os.geteuid() == 0 else os.path.expanduser("~/.cache/kvmready")
    os.makedirs(folder, 0o700, exist_ok=True)
    path = f"{folder}/wanted.json"
    _write(path, json.dumps(wanted))
    return ["--config", path]


def _carry_out(words: Sequence[str], out: int, said: int) -> int:
    """The program in this process, its standard output and error going to these files; gives its exit status."""
    from kvmready.__main__ import main as kvmready

    nothing = os.open(os.devnull, os.O_RDONLY)
    kept = os.dup(1), os.dup(2)
    sys.stdout.flush()
    for number, descriptor in ((0, nothing), (1, out), (2, said)):
        os.dup2(descriptor, number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.argv = ["kvmready", *words]
    try:
        return kvmready()
    except SystemExit as end:  # argparse, after help
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _launch(id_: str) -> None:
    """Start the job where the end of this session does not reach it: as a unit of systemd, or in its own session."""
    import subprocess

    argv = [sys.executable, "-I", "-c", PROGRAM, SOURCE, "work", id_]
    if os.path.isdir("/run/systemd/system"):
        unit = ["systemd-run", "--quiet", "--collect", "--no-block", "--service-type=oneshot"]
        asked = [*unit, f"--unit=kvmready-{id_}", f"--description=kvmready, job {id_}", "--", *argv]
        done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        if done.returncode == 0:
            return
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen(argv, start_new_session=True, cwd="/", **nowhere)  # type: ignore[call-overload]


def _working() -> str:
    """The id of the job that holds the lock; empty where none does."""
    while True:
        try:
            lock = os.open(f"{DIRECTORY}/lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return ""
        except BlockingIOError:
            id_ = _read("current")
        finally:
            os.close(lock)
        if id_ and not os.path.exists(f"{DIRECTORY}/{id_}.end"):
            return id_
        time.sleep(0.05)  # one ends or begins at this moment


def _clear() -> None:
    """Remove what old jobs left."""
    ids = sorted({name.split(".")[0] for name in os.listdir(DIRECTORY) if name.endswith(".request")})
    for id_ in ids[: -KEPT + 1]:
        for name in ("request", "begun", "out", "said", "end"):
            try:
                os.unlink(f"{DIRECTORY}/{id_}.{name}")
            except FileNotFoundError:
                continue


def _journals() -> dict[str, int]:
    """The journals of runs with their sizes."""
    try:
        runs = os.listdir(RUNS)
    except FileNotFoundError:
        return {}
    sizes = {}
    for run_ in runs:
        try:
            sizes[run_] = os.stat(f"{RUNS}/{run_}/journal.jsonl").st_size
        except FileNotFoundError:
            sizes[run_] = 0
    return sizes


def _changed(before: Mapping[str, int]) -> list[dict[str, Any]]:
    """The steps that were begun since, as the journals tell: what they are called and their commands."""
    import json

    found = {}
    for run_ in sorted(_journals()):
        try:
            with open(f"{RUNS}/{run_}/journal.jsonl", "rb") as file:
                file.seek(before.get(run_, 0))
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            continue
        for record in map(json.loads, lines):
            if record["event"] in ("intent", "undo-intent"):
                step = record.get("step", {})
                told = {"summary": step.get("summary", ""), "commands": step.get("commands", [])}
                found[record["key"]] = {"run": run_, "undo": record["event"] != "intent", **told}
    return list(found.values())


def _last(id_: str) -> str:
    try:
        said = os.open(f"{DIRECTORY}/{id_}.said", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return _end(said)
    finally:
        os.close(said)


def _end(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, LAST_WORDS, max(0, size - LAST_WORDS)).decode("utf-8", "replace")


def _all(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read().decode("utf-8", "replace")


def _text(name: str) -> str:
    try:
        with open(f"{DIRECTORY}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _read(name: str) -> str:
    return _text(name).strip()


def _write(name: str, text: str) -> None:
    """Whole or not at all, and on the disk."""
    path = os.path.join(DIRECTORY, name)
    new = f"{path}.new-{os.getpid()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)
