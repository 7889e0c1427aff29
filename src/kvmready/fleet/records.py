"""The records of a fleet: a directory for each run, with what every host said.

``index.json``     when, what was asked, and a row for each host (``kvmready.fleet/1``)
``rows.jsonl``     the same rows, each written when its host ended; up and undo look first, and write those as well
``hosts/NAME.json``    the report of a host, whole; NAME is quoted as in a URL
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from kvmready.errors import InputError, KvmreadyError
from kvmready.fleet.row import Row, from_json
from kvmready.i18n import _
from kvmready.typed import Any, NamedTuple, TextIO

SCHEMA = "kvmready.fleet/1"


class Index(NamedTuple):
    """One run of a fleet. ``action``: check, up, prove, undo; ``began`` and ``ended`` are RFC 3339, UTC."""

    id: str
    directory: str
    action: str
    began: str
    ended: str
    version: str
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        return bool(self.rows) and all(row.ok for row in self.rows)


def home(environment: Mapping[str, str]) -> str:
    """Where the records are kept when nobody says otherwise (XDG Base Directory)."""
    base = environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME") or "/root", ".local", "state")
    return os.path.join(base, "kvmready", "fleet")


class Recorder:
    """Writes one run down, host by host. Raises KvmreadyError where that cannot be."""

    def __init__(self, folder: str, action: str, began: str, version: str) -> None:
        stamp = began.replace("-", "").replace(":", "")
        self.id = f"{stamp}-{os.urandom(2).hex()}"
        self.directory = os.path.join(folder, self.id)
        self._about = {"schema": SCHEMA, "id": self.id, "action": action, "began": began, "version": version}
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            os.mkdir(self.directory, 0o700)
            os.mkdir(os.path.join(self.directory, "hosts"), 0o700)
            self._stream: TextIO = os.fdopen(
                _private(os.path.join(self.directory, "rows.jsonl")), "w", encoding="utf-8"
            )
        except OSError as error:
            raise _unwritable(self.directory, error) from None

    def add(self, row: Row, report: Mapping[str, Any] | None) -> None:
        import json

        try:
            self._stream.write(json.dumps(row._asdict()) + "\n")
            self._stream.flush()
            if report is not None:
                self._write(os.path.join("hosts", file_name(row.host)), report)
        except OSError as error:
            raise _unwritable(self.directory, error) from None

    def finish(self, rows: Sequence[Row], ended: str) -> None:
        ordered = sorted(rows, key=lambda row: natural(row.host))
        document = {**self._about, "ended": ended, "rows": [row._asdict() for row in ordered]}
        try:
            self._stream.close()
            self._write("index.json", document)
        except OSError as error:
            raise _unwritable(self.directory, error) from None

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        import json

        with os.fdopen(_private(os.path.join(self.directory, name)), "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.write("\n")


def _private(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _unwritable(path: str, error: OSError) -> KvmreadyError:
    return KvmreadyError(
        _("{folder} cannot be written.").format(folder=path),
        error.strerror or str(error),
        _("Name another directory with --runs DIR."),
    )


def file_name(host: str) -> str:
    """The file of a host. No name leaves the directory, and no two share a file."""
    from urllib.parse import quote

    name = quote(host, safe="") + ".json"
    return "%2E" + name[1:] if name.startswith(".") else name


def runs(folder: str) -> list[str]:
    """The ids of the runs that are whole, the oldest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(_("{file} cannot be read.").format(file=folder), error.strerror or str(error)) from None
    return sorted(name for name in names if os.path.exists(os.path.join(folder, name, "index.json")))


def find(folder: str, named: str | None) -> str:
    """The directory of a run: the one named, by its id or its path, or the newest. Raises InputError."""
    if named and os.path.exists(os.path.join(named, "index.json")):
        return named
    known = runs(folder)
    if not named and known:
        return os.path.join(folder, known[-1])
    if named in known:
        return os.path.join(folder, str(named))
    raise InputError(
        _("There is no run {run} in {folder}.").format(run=named, folder=folder)
        if named
        else _("There is no run in {folder}.").format(folder=folder),
        _("The newest are: {names}").format(names=", ".join(known[-3:])) if known else "",
        "" if known else _("Make one first: kvmready fleet check -i INVENTORY"),
    )


def load(directory: str) -> Index:
    """Raises InputError for what is no record of a run."""
    path = os.path.join(directory, "index.json")
    raw = _json(path)
    try:
        if raw["schema"] != SCHEMA:
            raise ValueError(raw["schema"])
        rows = tuple(from_json(row) for row in raw["rows"])
        return Index(raw["id"], directory, raw["action"], raw["began"], raw["ended"], raw["version"], rows)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(_("{file} is no record of a fleet.").format(file=path), repr(error)) from None


def reports(index: Index) -> Iterator[tuple[Row, Mapping[str, Any] | None]]:
    """Every host with its report, one after the other: all of them at once would not fit into the memory."""
    for row in index.rows:
        path = os.path.join(index.directory, "hosts", file_name(row.host))
        yield row, _json(path) if os.path.exists(path) else None


def _json(path: str) -> dict[str, Any]:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise InputError(_("{file} cannot be read.").format(file=path), error.strerror or str(error)) from None
    except ValueError as error:
        raise InputError(_("{file} is damaged.").format(file=path), str(error)) from None
    if not isinstance(document, dict):
        raise InputError(_("{file} is damaged.").format(file=path))
    return document


def natural(host: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts names as people do: node2 before node10."""
    import re

    parts = re.findall(r"\d+|\D+", host)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
