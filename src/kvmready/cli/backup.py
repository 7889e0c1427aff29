"""``kvmready backup``: guests saved while they run, and put back."""

from __future__ import annotations

import os
import sys

from kvmready.apply.state import require_root
from kvmready.cli import output, program, session, work
from kvmready.cli.options import Parsed
from kvmready.errors import EXIT_INTERRUPTED, EXIT_NOT_READY, EXIT_READY, UsageError
from kvmready.host.local import LocalHost
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmready.backup.create import Wish
    from kvmready.backup.repository import Entry, Repository
    from kvmready.domains.connection import Libvirt
    from kvmready.domains.listing import Domain


def run(parsed: Parsed) -> int:
    session.let_signals_clean_up()
    host = LocalHost()
    require_root(host)
    status: int = ACTIONS[parsed.action](host, parsed)
    return status


def _repository(host: LocalHost, parsed: Parsed) -> Repository:
    from kvmready.backup.repository import Repository

    return Repository(host, os.path.abspath(parsed.folder))


def _create(host: LocalHost, parsed: Parsed) -> int:
    from kvmready.backup import create
    from kvmready.domains.connection import Libvirt
    from kvmready.domains.listing import domains, find

    if bool(parsed.names) == parsed.all:
        raise UsageError(_("Name the guest, or say --all."), "", _("See: kvmready backup create --help"))
    libvirt = Libvirt(host)
    guests = domains(libvirt)
    if not parsed.all:
        named = (find(libvirt, name, guests) for name in parsed.names)
        guests = tuple({guest.uuid: guest for guest in named}.values())
    repository = _repository(host, parsed)
    wish = create.Wish(parsed.method, parsed.incremental)
    if parsed.dry_run:
        return _planned(host, repository, libvirt, guests, wish, parsed)
    repository.prepare()
    with output.progress() as progress:
        outcomes = create.create(host, repository, libvirt, guests, wish, work.shown_by(progress))
    records = [
        {
            "name": outcome.name,
            "ok": outcome.entry is not None,
            "error": str(outcome.error) if outcome.error is not None else "",
            "cause": outcome.error.cause if outcome.error is not None else "",
            "backup": _record(outcome.entry) if outcome.entry is not None else None,
        }
        for outcome in outcomes
    ]
    _show("created", {"folder": repository.folder, "guests": records}, parsed)
    return EXIT_READY if all(record["ok"] for record in records) else EXIT_NOT_READY


def _planned(
    host: LocalHost,
    repository: Repository,
    libvirt: Libvirt,
    guests: Sequence[Domain],
    wish: Wish,
    parsed: Parsed,
) -> int:
    from kvmready.backup.planned import planned

    records = [
        {
            **one._asdict(),
            "ok": one.error is None,
            "error": str(one.error) if one.error is not None else "",
            "disks": [disk._asdict() for disk in one.disks],
            "left_out": list(one.left_out),
        }
        for one in planned(host, repository, libvirt, guests, wish)
    ]
    _show("planned", {"folder": repository.folder, "guests": records}, parsed)
    return EXIT_READY if all(record["ok"] for record in records) else EXIT_NOT_READY


def _entries(repository: Repository, name: str | None) -> list[Entry]:
    """All, or those of one guest, or the one of that id. Raises UsageError where there is none."""
    entries = repository.entries()
    if name is None:
        return entries
    found = [
        entry
        for entry in entries
        if entry.id == name or (entry.manifest is not None and name in (entry.manifest.name, entry.manifest.uuid))
    ]
    if not found:
        raise UsageError(
            _("There is no backup of a guest {name} in {folder}.").format(name=repr(name), folder=repository.folder),
            "",
            _("See what there is: kvmready backup list"),
        )
    return found


def _list(host: LocalHost, parsed: Parsed) -> int:
    repository = _repository(host, parsed)
    records = [_record(entry) for entry in _entries(repository, parsed.name)]
    _show("listed", {"folder": repository.folder, "backups": records}, parsed)
    return EXIT_READY


def _verify(host: LocalHost, parsed: Parsed) -> int:
    from kvmready.backup.refused import DAMAGED
    from kvmready.backup.verify import verify

    repository = _repository(host, parsed)
    entries = _entries(repository, parsed.name)
    records = []
    with output.progress() as progress:
        for number, entry in enumerate(entries, 1):
            title = _("Verify the backup {id}").format(id=entry.id)
            progress.begin(title, number, len(entries))
            verdict = verify(host, repository, entry)
            progress.end("pass" if verdict.good else "fail")
            cause = "" if verdict.good else DAMAGED
            records.append({**_record(entry), "good": verdict.good, "problems": list(verdict.problems), "cause": cause})
    _show("verified", {"folder": repository.folder, "backups": records}, parsed)
    return EXIT_READY if all(record["good"] for record in records) else EXIT_NOT_READY


def _restore(host: LocalHost, parsed: Parsed) -> int:
    from kvmready.backup import restore
    from kvmready.domains.connection import Libvirt

    if not parsed.name:
        raise UsageError(_("Name the guest or the backup."), "", _("See what there is: kvmready backup list"))
    repository = _repository(host, parsed)
    entry = restore.choose(repository, parsed.name)
    with output.progress() as progress:
        notify = work.shown_by(progress)
        done = restore.restore(host, repository, Libvirt(host), entry, parsed.new or "", parsed.force, notify)
    record = {**done._asdict(), "paths": list(done.paths), "notes": list(done.notes)}
    _show("restored", record, parsed)
    return EXIT_READY


def _schedule(host: LocalHost, parsed: Parsed) -> int:
    from kvmready import timers
    from kvmready.backup import schedule

    if parsed.remove:
        removed = timers.remove(host, schedule.timer())
        _show("scheduled", {"units": [], "removed": removed, "next": ""}, parsed)
        return EXIT_READY
    daily, weekly = _keep(parsed)
    folder = os.path.abspath(parsed.folder)
    words = program.for_root(host)
    # A name that looks like an option is one word with nothing to mistake: the guest's UUID.
    guest = "--all"
    if parsed.name:
        from kvmready.domains.connection import Libvirt
        from kvmready.domains.listing import find

        guest = find(Libvirt(host), parsed.name).uuid
    more = ("--incremental",) if parsed.incremental else ()
    create = (*words, "backup", "create", guest, f"--to={folder}", *more)
    kept = (f"--keep-daily={daily}", f"--keep-weekly={weekly}")
    prune = (*words, "backup", "prune", f"--from={folder}", *kept, "--yes")
    timer = schedule.timer(create, prune)
    following = timers.install(host, timer, parsed.calendar)
    _show("scheduled", {"units": list(timer.units), "removed": False, "next": following}, parsed)
    return EXIT_READY


def _keep(parsed: Parsed) -> tuple[int, int]:
    """Raises UsageError for what is no number, and where nothing at all would be kept."""
    found = []
    for option, text in (("--keep-daily", parsed.keep_daily), ("--keep-weekly", parsed.keep_weekly)):
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            raise UsageError(_("{option} takes a number: {text}").format(option=option, text=repr(text)))
        found.append(int(text))
    return found[0], found[1]


def _prune(host: LocalHost, parsed: Parsed) -> int:
    from kvmready.backup import prune

    daily, weekly = _keep(parsed)
    repository = _repository(host, parsed)
    if not parsed.dry_run:
        repository.prepare()
    surplus = prune.surplus(repository, daily, weekly)
    gone = [_record(entry) for entry in surplus]
    if parsed.dry_run or not gone:
        _show("pruned", {"folder": repository.folder, "gone": gone, "dry_run": parsed.dry_run}, parsed)
        return EXIT_READY
    for entry in surplus:
        output.say("  - " + _title(_record(entry)))
    if not work.agreed(_("Delete these backups?"), parsed, _("Nothing was deleted: nobody agreed to it.")):
        output.say(_("Nothing was deleted."))
        return EXIT_INTERRUPTED
    with output.progress() as progress:
        prune.prune(
            repository, daily, weekly, lambda entry: progress.begin(_("Delete the backup {id}").format(id=entry.id))
        )
    _show("pruned", {"folder": repository.folder, "gone": gone, "dry_run": False}, parsed)
    return EXIT_READY


def _title(record: dict[str, Any]) -> str:
    from kvmready.report.canvas import visible

    return f"{record['id']}  {visible(record['name']) or _('the host')}"


def _record(entry: Entry) -> dict[str, Any]:
    """A backup as JSON has it; a damaged one has only its id and the problem."""
    found = entry.manifest
    if found is None:
        return {"id": entry.id, "folder": entry.folder, "kind": "", "name": "", "problem": entry.problem}
    return {
        **found._asdict(),
        "folder": entry.folder,
        "size": found.size,
        "problem": entry.problem,
        "disks": [disk._asdict() for disk in found.disks],
        "items": [item._asdict() for item in found.items],
        "left_out": list(found.left_out),
    }


def _show(what: str, record: dict[str, Any], parsed: Parsed) -> None:
    if parsed.format == "json":
        import json

        sys.stdout.write(json.dumps({"schema": f"kvmready.backup-{what}/1", **record}, indent=2) + "\n")
        return
    from kvmready.report import text_backup
    from kvmready.report.canvas import Canvas

    canvas = Canvas(sys.stdout)
    canvas.write(list(getattr(text_backup, what)(canvas, record)))


ACTIONS = {
    "create": _create,
    "list": _list,
    "verify": _verify,
    "restore": _restore,
    "schedule": _schedule,
    "prune": _prune,
}
