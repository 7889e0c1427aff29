"""The default storage pool, room for guests' disks, and the way to them for the user that guests run as."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.checks.finding import (
    Check,
    Evidence,
    Judgement,
    automatic,
    failed,
    manual,
    passed,
    skipped,
    unknown,
    warned,
)
from kvmready.facts.known import Absent, Known
from kvmready.facts.reach import blocked, unsure
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts
    from kvmready.facts.reach import Folder, Way, Who

ASK = ("virsh", "-c", "qemu:///system", "pool-info", "default")
ASKED = " ".join(ASK)

GIB = 1 << 30
TOO_LITTLE = 1 * GIB
"""Below this not even one small guest fits: a minimal cloud image takes about 1 GiB once it has booted."""
SCARCE = 5 * GIB
"""Room for a cloud image and for what its guest writes in the first weeks."""


def default_pool(facts: Facts) -> Judgement:
    found = facts.storage.pool
    if isinstance(found, Absent):
        return failed(
            "storage.pool-missing",
            _("libvirt has no storage pool named default for guests' disks."),
            automatic(
                _("Define it at {path}, start it, and have it started at every boot.").format(path=facts.storage.path)
            ),
            Evidence(ASKED, found.why),
        )
    if not isinstance(found, Known):
        return unknown(
            _("libvirt did not tell the state of the default storage pool."),
            manual(_("Ask it by hand."), ASK),
            Evidence(ASKED, found.why),
        )
    pool = found.value
    said = Evidence(
        ASKED,
        "State: {} Autostart: {} {}".format(
            "running" if pool.active else "inactive", "yes" if pool.autostart else "no", pool.path
        ).strip(),
    )
    wanted = facts.want.pool_path
    if wanted and pool.path.rstrip("/") != wanted:
        return failed(
            "storage.pool-elsewhere",
            _("The default storage pool is at {path}, not at {wanted} as it is wanted.").format(
                path=pool.path or pool.kind, wanted=wanted
            ),
            manual(
                _(
                    "Remove its definition, which touches no disk; with the same configuration, kvmready up then "
                    "defines it at {wanted}. Guests keep their disks where they are; move them by hand. Or write the "
                    "path that it has into the configuration."
                ).format(wanted=wanted),
                ("virsh", "-c", "qemu:///system", "pool-destroy", "default"),
                ("virsh", "-c", "qemu:///system", "pool-undefine", "default"),
            ),
            said,
        )
    if not pool.active:
        return failed(
            "storage.pool-inactive",
            _("The default storage pool is defined, but not active."),
            automatic(_("Start it, and have it started at every boot.")),
            said,
        )
    return passed(_("The default storage pool is active."), said)


def pool_autostart(facts: Facts) -> Judgement:
    found = facts.storage.pool
    if not isinstance(found, Known):
        return default_pool(facts)  # blocked by storage.default-pool, which says it
    said = Evidence(ASKED, "Autostart: {}".format("yes" if found.value.autostart else "no"))
    if not found.value.autostart:
        return failed(
            "storage.pool-inactive",
            _("The default storage pool will not be active after the next boot."),
            automatic(_("Have it started at every boot.")),
            said,
        )
    return passed(_("The default storage pool is started at every boot."), said)


def gib(size: int) -> str:
    """A size for people: "0.4 GiB", "120 GiB"."""
    return f"{size / GIB:.1f} GiB" if size < 10 * GIB else f"{size // GIB} GiB"


def space(facts: Facts) -> Judgement:
    found = facts.storage.room
    path = facts.storage.path
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen how much room there is for guests' disks."),
            manual(_("Look by hand."), ("df", "-h", path)),
            Evidence(f"df {path}", found.why),
        )
    room = found.value
    seen = Evidence(f"df {room.path}", _("{free} free of {total}").format(free=gib(room.free), total=gib(room.total)))
    if room.free >= SCARCE:
        return passed(_("There is room for guests' disks: {free}.").format(free=gib(room.free)), seen)
    remedy = manual(
        _("Free some room there, or put the storage pool on a larger disk."), ("du", "-xh", "-d1", room.path)
    )
    if room.free >= TOO_LITTLE:
        return warned(
            "storage.no-space",
            _("There is little room for guests' disks: {free}.").format(free=gib(room.free)),
            remedy,
            seen,
        )
    return failed(
        "storage.no-space",
        _("There is no room for a guest's disk: {free}.").format(free=gib(room.free)),
        remedy,
        seen,
    )


TMP_SCARCE = 64 << 20
RUN_SCARCE = 4 << 20
"""/run is a small file system in memory; a guest's sockets and state take some tens of KiB of it."""


def tmp_space(facts: Facts) -> Judgement:
    """storage.tmp-space: room where libvirt and QEMU keep state, temporary files and logs."""
    rooms = facts.storage.work
    known = [(path, room.value) for path, room in rooms if isinstance(room, Known)]
    seen = [
        Evidence(f"df {room.path}", _("{free} free of {total}").format(free=mib(room.free), total=mib(room.total)))
        for _path, room in known
    ]
    tight = [room for path, room in known if room.free < (RUN_SCARCE if path == "/run" else TMP_SCARCE)]
    if tight:
        return warned(
            "storage.no-space",
            _("There is hardly any room left on {paths}, where libvirt and QEMU write.").format(
                paths=", ".join(room.path for room in tight)
            ),
            manual(_("Free some room there."), ("du", "-xh", "-d1", tight[0].path)),
            *seen,
        )
    unseen = [(path, room.why) for path, room in rooms if not isinstance(room, Known)]
    if unseen or not rooms:
        return unknown(
            _("It could not be seen how much room libvirt and QEMU have for their work."),
            manual(_("Look by hand."), ("df", "-h", *(path for path, _why in unseen))),
            *(Evidence(f"df {path}", why) for path, why in unseen),
        )
    return passed(_("There is room where libvirt and QEMU write while guests run."), *seen)


def mib(size: int) -> str:
    """A small size for people: "12 MiB", "1.5 GiB"."""
    return gib(size) if size >= GIB else f"{size >> 20} MiB"


FEW_FILES = 1000


def inodes(facts: Facts) -> Judgement:
    """storage.inodes: the file system of the pool can hold more files."""
    found = facts.storage.room
    path = facts.storage.path
    if not isinstance(found, Known):
        return unknown(
            _("It could not be seen how many files fit where guests' disks are."),
            manual(_("Look by hand."), ("df", "-i", path)),
            Evidence(f"df -i {path}", found.why),
        )
    room = found.value
    if not room.nodes:
        return skipped(_("Not needed: the file system of {path} has no fixed number of files.").format(path=room.path))
    seen = Evidence(
        f"df -i {room.path}", _("{free} inodes free of {total}").format(free=room.free_nodes, total=room.nodes)
    )
    if room.free_nodes >= FEW_FILES:
        return passed(_("The file system of guests' disks has room for more files."), seen)
    summary = _("The file system of {path} can hold only {count} more files, whatever its free space.")
    remedy = manual(
        _("Remove files there, many small ones first; this shows where they are:"), ("du", "--inodes", "-x", room.path)
    )
    judged = failed if room.free_nodes < 10 else warned
    return judged("storage.no-space", summary.format(path=room.path, count=room.free_nodes), remedy, seen)


def octal(folder: Folder) -> Evidence:
    """What ``ls`` says of a directory, with its ACL where there is one."""
    acl = _(", with an ACL: getfacl {path}").format(path=folder.path) if isinstance(folder.acl, Known) else ""
    owner = f"uid {folder.uid} gid {folder.gid}"
    return Evidence(f"ls -ld {folder.path}", f"{folder.mode:04o} {owner}{acl}")


def _walked(judged: Callable[..., Judgement], ways: tuple[Way, ...], who: Who, what: str, fine: str) -> Judgement:
    """Judge whether ``who`` passes all directories on these ways; ``judged`` is failed or warned."""
    closed = {folder.path: folder for way in ways for folder in blocked(way, who)}
    if closed:
        return judged(
            "storage.path-unreachable",
            what.format(user=who.name, paths=", ".join(closed)),
            automatic(
                _("Let {user} pass through {paths}: an ACL with the right to traverse, and none to list.").format(
                    user=who.name, paths=", ".join(closed)
                )
            ),
            *(octal(folder) for folder in closed.values()),
        )
    doubts = [(way.target, unsure(way, who)) for way in ways if unsure(way, who)]
    if doubts:
        return unknown(
            _("It could not be seen whether {user} can reach {paths}.").format(
                user=who.name, paths=", ".join(target for target, _why in doubts)
            ),
            manual(
                _("Try it, as root: the command says nothing when it is well."),
                ("sudo", "-u", who.name, "test", "-x", doubts[0][0]),
            ),
            *(Evidence(f"namei -l {target}", why) for target, why in doubts),
        )
    return passed(
        fine.format(user=who.name, paths=", ".join(way.target for way in ways)),
        *(octal(way.folders[-1]) for way in ways if way.folders),
    )


def _guests_user(facts: Facts) -> Judgement | Who:
    """The user that guests run as, or why its ways need no look."""
    found = facts.storage.qemu
    if isinstance(found, Absent):
        return skipped(_("Not asked: this host has no user {user} yet.").format(user=found.why))
    if not isinstance(found, Known):
        return unknown(
            _("It is not known as which user guests run here."),
            manual(_("Look for the user of QEMU:"), ("grep", "^user", "/etc/libvirt/qemu.conf")),
            Evidence("/etc/libvirt/qemu.conf", found.why),
        )
    if found.value.uid == 0:
        return skipped(_("Not needed: guests run as root here, who may go everywhere."))
    return found.value


def pool_path(facts: Facts) -> Judgement:
    """storage.pool-path: the user that guests run as may pass each directory down to the pool's."""
    who = _guests_user(facts)
    if isinstance(who, Judgement):
        return who
    way = facts.storage.way
    if not isinstance(way, Known):
        return unknown(
            _("It could not be seen whether {user} can reach {paths}.").format(user=who.name, paths=facts.storage.path),
            manual(_("Look at each directory on the way."), ("namei", "-l", facts.storage.path)),
            Evidence(f"namei -l {facts.storage.path}", way.why),
        )
    return _walked(
        failed,
        (way.value,),
        who,
        _("{user}, the user of QEMU, may not pass through {paths}: guests cannot open their disks."),
        _("{user}, the user of QEMU, can reach {paths}."),
    )


def images_home(facts: Facts) -> Judgement:
    """storage.images-home: the same for the disks of the guests that are defined, wherever they lie."""
    who = _guests_user(facts)
    if isinstance(who, Judgement):
        return who
    guests, ways = facts.storage.guests, facts.storage.ways
    if isinstance(guests, Absent) or (isinstance(guests, Known) and not guests.value.names):
        return passed(_("No guest is defined here, so none has a disk out of reach."), Evidence(DEFINITIONS, _("none")))
    if not isinstance(ways, Known):
        return unknown(
            _("It could not be seen where the disks of this host's guests are: only root may read that."),
            manual(_("Ask again as root."), ("sudo", "kvmready", "check", "--only", "storage.images-home")),
            Evidence(DEFINITIONS, ways.why),
        )
    if not ways.value:
        return passed(_("No guest has a disk that is a file."), Evidence(DEFINITIONS, _("none")))
    return _walked(
        warned,  # that guest's trouble, not the host's
        ways.value,
        who,
        _("{user}, the user of QEMU, may not pass through {paths}, where disks of guests are."),
        _("{user}, the user of QEMU, can reach the disks of all guests: {paths}."),
    )


DEFINITIONS = "/etc/libvirt/qemu/*.xml"

CHECKS = (
    Check("storage.default-pool", default_pool, needs=("libvirt.connect", "services.virtstoraged")),
    Check("storage.pool-autostart", pool_autostart, needs=("storage.default-pool",)),
    Check("storage.space", space),
    Check("storage.inodes", inodes),
    Check("storage.tmp-space", tmp_space),
    Check("storage.pool-path", pool_path, needs=("libvirt.daemon",)),
    Check("storage.images-home", images_home, needs=("libvirt.daemon",)),
)
