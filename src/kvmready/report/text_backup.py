"""Backups for people: what was made, what there is, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvmready.i18n import N_, _
from kvmready.report.canvas import STYLES, Canvas, cells
from kvmready.typed import Any

Record = Mapping[str, Any]

LEVELS = {"full": N_("full"), "incremental": N_("incremental")}
METHODS = {
    "job": N_("by libvirt's backup job"),
    "snapshot": N_("by an external snapshot"),
    "offline": N_("while it was shut off"),
    "none": N_("no disks"),
}
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """Bytes for people: 512 B, 3.4 MiB, 120 GiB."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 or count >= 99.95 else f"{count:.1f} {UNITS[unit]}"


def _mark(canvas: Canvas, status: str) -> tuple[str, str]:
    return (canvas.glyph(status) + "  ", STYLES[status])


def _how(found: Record) -> str:
    """How a backup was made, in a few words."""
    if found["kind"] == "host":
        return size(found["size"])
    words = [size(found["size"]), _(LEVELS[found["level"]]), _(METHODS[found["method"]])]
    if found["method"] in ("job", "snapshot"):
        words.append(_("file systems frozen") if found["quiesced"] else _("as after a power failure"))
    return _(", ").join(words)


def created(canvas: Canvas, record: Record) -> Iterator[Any]:
    """What became of each guest; what failed was told as it did, and stands here again."""
    yield ""
    good = [one["backup"] for one in record["guests"] if one["ok"]]
    wide = max((cells(one["id"]) for one in good), default=0) + 2
    for one in record["guests"]:
        name = one["name"] or _("the host")
        if not one["ok"]:
            yield canvas.block(2, _mark(canvas, "fail"), (name, "bold"), "  " + one["error"], hang=3)
            continue
        found = one["backup"]
        status = "warn" if found["left_out"] else "pass"
        head = canvas.padded(found["id"], wide, "cyan")
        yield canvas.block(2, _mark(canvas, status), head, (name, "bold"), (f"  {_how(found)}", "dim"), hang=3)
        for sentence in found["left_out"]:
            yield canvas.block(5, (_("without: ") + sentence, STYLES["warn"]), hang=2)
    yield canvas.block(2, (_("in {folder}").format(folder=record["folder"]), "dim"))


def planned(canvas: Canvas, record: Record) -> Iterator[Any]:
    """What would be saved of each guest."""
    yield canvas.block(2, _("These would be saved in {folder}:").format(folder=record["folder"]))
    for one in record["guests"]:
        if not one["ok"]:
            yield canvas.block(2, _mark(canvas, "fail"), (one["name"], "bold"), "  " + one["error"], hang=3)
            continue
        words = [_("up to {size}").format(size=size(one["size"])), _(LEVELS[one["level"]]), _(METHODS[one["method"]])]
        status = "warn" if one["left_out"] else "pass"
        yield canvas.block(2, _mark(canvas, status), (one["name"], "bold"), (f"  {_(', ').join(words)}", "dim"), hang=3)
        for disk in one["disks"]:
            yield canvas.block(5, (disk["target"] + "  ", "cyan"), disk["path"])
        for sentence in one["left_out"]:
            yield canvas.block(5, (_("without: ") + sentence, STYLES["warn"]), hang=2)
    yield canvas.block(5, _("the host's configuration"))


def listed(canvas: Canvas, record: Record) -> Iterator[Any]:
    """One line a backup."""
    backups = record["backups"]
    if not backups:
        yield canvas.block(2, _("There is no backup in {folder}.").format(folder=record["folder"]))
        return
    for found in backups:
        if found["problem"]:
            yield canvas.block(2, _mark(canvas, "fail"), (found["id"], "cyan"), f"  {found['problem']}", hang=3)
            continue
        name = found["name"] if found["kind"] == "guest" else _("the host")
        how = _how(found)
        if found["base"]:
            how += _(", ") + _("stands on {id}").format(id=found["base"])
        yield canvas.block(
            2, _mark(canvas, "pass"), (found["id"] + "  ", "cyan"), (name, "bold"), (f"  {how}", "dim"), hang=3
        )


def verified(canvas: Canvas, record: Record) -> Iterator[Any]:
    """Each backup with what is wrong, and a last line."""
    bad = [found for found in record["backups"] if not found["good"]]
    for found in bad:
        yield canvas.block(2, _mark(canvas, "fail"), (found["id"] + "  ", "cyan"), (found["name"], "bold"), hang=3)
        for problem in found["problems"]:
            yield canvas.block(5, problem, hang=2)
    count = len(record["backups"])
    if not bad:
        word = _("1 backup is good.") if count == 1 else _("All {count} backups are good.").format(count=count)
        yield canvas.block(2, _mark(canvas, "pass"), word, hang=3)
    else:
        yield canvas.block(2, _("{bad} of {count} are damaged.").format(bad=len(bad), count=count))
        command = f"kvmready explain {bad[0]['cause']}"
        yield canvas.block(2, (_("See: {command}").format(command=command), "dim"))


def restored(canvas: Canvas, record: Record) -> Iterator[Any]:
    words = _("The guest {name} is back.").format(name=record["name"])
    yield canvas.block(2, _mark(canvas, "pass"), (words, "bold"), f"  {record['uuid']}", hang=3)
    for path in record["paths"]:
        yield canvas.block(5, path)
    for note in record["notes"]:
        yield canvas.block(2, _mark(canvas, "warn"), note, hang=3)
    yield canvas.block(5, (_("To start it:") + " ", "dim"), (f"virsh -c qemu:///system start {record['uuid']}", "cyan"))


def scheduled(canvas: Canvas, record: Record) -> Iterator[Any]:
    if not record["units"]:
        words = _("The timer is gone; the backups stay.") if record["removed"] else _("There was no timer.")
        yield canvas.block(2, _mark(canvas, "pass"), words, hang=3)
        return
    yield canvas.block(2, _mark(canvas, "pass"), _("The next backup: {time}").format(time=record["next"]), hang=3)
    for unit in record["units"]:
        yield canvas.block(5, (unit, "dim"))


def pruned(canvas: Canvas, record: Record) -> Iterator[Any]:
    gone = record["gone"]
    if not gone:
        yield canvas.block(2, _mark(canvas, "pass"), _("Nothing is surplus."), hang=3)
        return
    if record["dry_run"]:
        yield canvas.block(2, _("These would go:"))
        for found in gone:
            name = found["name"] or _("the host")
            yield canvas.block(5, (found["id"] + "  ", "cyan"), (name, "bold"))
        return
    count = len(gone)
    words = _("1 backup deleted.") if count == 1 else _("{count} backups deleted.").format(count=count)
    yield canvas.block(2, _mark(canvas, "pass"), words, hang=3)
