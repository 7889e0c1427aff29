"""Kind ``packages``: bring packages in with the host's package manager, and take exactly those away again.

What the packages' scripts and daemons leave behind is put back by ``leftovers`` and ``firewall``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvmready.errors import WorkError
from kvmready.host.door import Command, Door, Workshop
from kvmready.i18n import _
from kvmready.plan import firewall, leftovers, managers
from kvmready.plan.command import FORMER, KEY, RESULTS, run_directory
from kvmready.plan.manager import Manager, Package, failed, run, wait_for_lock
from kvmready.plan.step import Say, Step
from kvmready.typed import Any, NamedTuple

DAEMONS = (
    "libvirt-daemon-system",
    "libvirt-daemon",
    "libvirt-daemon-driver-network",
    "libvirt",
)
"""Packages of libvirt's network driver, in any distribution, whose networks have to be stopped before they go."""

PLACES = ("/etc/", "/opt/")
"""Where a file that was there before may be a person's, although a package lists it as its configuration."""


class Prepared(NamedTuple):
    """What an undo found before its purge; kept in the run's directory, so that a killed undo can be repeated."""

    purge: tuple[str, ...]
    remove: tuple[str, ...]
    kept: tuple[str, ...]
    tree: leftovers.Tree
    files: dict[str, str]  # path -> copy in the run's directory
    altered: dict[str, str]  # paths of these packages that were there before them, with another mode or owner now


def _wanted(step: Step) -> list[str]:
    return [str(name) for name in step.arguments["packages"]]


def _log(step: Step, manager: Manager) -> str:
    return f"{run_directory(step.arguments)}/{manager.NAME}.log"


def _missing(step: Step, present: Mapping[str, Package]) -> list[str]:
    plain = managers.of(step).plain
    ready = {plain(name) for name, package in present.items() if package.status == "installed"}
    return [name for name in _wanted(step) if plain(name) not in ready]


def done(host: Door, step: Step) -> bool:
    """Whether the database says "installed" of every package, and nothing is left to finish."""
    manager = managers.of(step)
    return not _missing(step, manager.installed(host)) and not manager.unfinished(host)


def former(host: Door, step: Step) -> dict[str, Any]:
    """The packages, marks, accounts, units, directories and firewall as they are, and what would come in.

    Raises WorkError where it would remove a package, or cannot be done at all.
    """
    manager = managers.of(step)
    present = manager.installed(host)
    result, coming = manager.simulate(host, _missing(step, present) or _wanted(step))
    if coming.removed:
        raise WorkError(
            _("Bringing in {packages} would remove: {removed}").format(
                packages=" ".join(_wanted(step)), removed=" ".join(coming.removed)
            ),
            _("kvmready removes no package that it did not bring in."),
            _("Remove them yourself if you do not need them, then run kvmready again."),
        )
    if not result.ok:
        raise failed(manager, result._replace(stdout=result.stdout + result.stderr), "")
    known = leftovers.accounts(host)
    return {
        "packages": {name: list(package) for name, package in present.items()},
        "automatic": sorted(manager.automatic(host)),
        "incoming": list(coming.incoming),
        "upgraded": list(coming.upgraded),
        "users": known.users,
        "groups": known.groups,
        "active": sorted(leftovers.units(host).active),
        "tree": leftovers.pack(leftovers.tree(host)),
        "firewall": firewall.look(host),
    }


def apply(host: Workshop, step: Step, say: Say) -> dict[str, Any]:
    """Install what is missing. Returns what really came in. Raises WorkError."""
    manager = managers.of(step)
    log = _log(step, manager)
    before: Mapping[str, Any] = step.arguments[FORMER]
    wait_for_lock(host, manager, say)
    unfinished = manager.unfinished(host)
    if unfinished:
        raise WorkError(_("The packages of this host are in a broken state."), unfinished, manager.by_hand())
    missing = _missing(step, manager.installed(host))
    if missing:
        if before["upgraded"]:
            count = len(before["upgraded"])
            say(_("{count} packages are upgraded on the way, which cannot be undone.").format(count=count))
        # The command of the plan, unless an earlier attempt has done a part of it: then less of the same.
        argv = step.commands[-1] if missing == _wanted(step) else manager.install(missing)
        result = run(host, manager, argv, log, 2 * len(before["incoming"]), say)
        if not result.ok:
            raise failed(manager, result, log)
        missing = _missing(step, manager.installed(host))
        if missing:
            raise WorkError(
                _("{manager} reported success, but these packages are still not installed: {packages}").format(
                    manager=manager.NAME, packages=" ".join(missing)
                ),
                "",
                _("Its whole output is in {log}.").format(log=log),
            )
    now = manager.installed(host)
    here = leftovers.accounts(host)
    tree, old = leftovers.tree(host), leftovers.unpack(before["tree"])
    return {
        "brought": _brought(before["packages"], now),
        "upgraded": sorted(n for n in set(now) & set(before["packages"]) if now[n].version != before["packages"][n][0]),
        "users": leftovers.appeared(before["users"], here.users),
        "groups": leftovers.appeared(before["groups"], here.groups),
        "paths": leftovers.appeared(old, tree),
        "altered": leftovers.changed(old, tree),
    }


def _brought(before: Mapping[str, Any], now: Mapping[str, Package]) -> list[str]:
    """The packages that are here now, whole or in part, and were not before."""
    return sorted(
        name
        for name, package in now.items()
        if package.status != "config-files" and before.get(name, ["", "config-files"])[1] == "config-files"
    )


# undo


def undo(host: Workshop, step: Step, former: Mapping[str, Any], say: Say) -> tuple[str, ...]:
    """Purge what came in with this step and put back what that leaves or takes too much of. Raises WorkError."""
    manager = managers.of(step)
    log = _log(step, manager)
    wait_for_lock(host, manager, say)
    if manager.unfinished(host):
        say(_("Finishing an interrupted package run first"))
        for argv in manager.REPAIR:
            run(host, manager, argv, log, 1, say)
    prepared = _prepare(host, step, former, run_directory(step.arguments))
    now = manager.installed(host)
    purge = [name for name in prepared.purge if name in now]
    remove = [name for name in prepared.remove if name in now and now[name].status != "config-files"]
    if any(manager.plain(name) in DAEMONS for name in (*purge, *remove)):
        _stop_networks(host, say)
        firewall.restore(host, former["firewall"])
    for argv in (
        manager.remove(purge) if purge else (),
        manager.remove(remove, keep_configuration=True) if remove else (),
    ):
        if argv:
            result = run(host, manager, argv, log, 2 * (len(purge) + len(remove)), say)
            if not result.ok:
                raise failed(manager, result, log)
    _restore_marks(host, manager, former, prepared.kept)
    stays = []
    if prepared.kept:
        names = " ".join(manager.plain(name) for name in prepared.kept)
        stays.append(_("These packages stay, because packages that came later need them: {names}").format(names=names))
    if not (prepared.purge or prepared.remove or prepared.kept or former[RESULTS]):
        return ()  # nothing ever came in
    say(_("Clearing up what the packages left"))
    stays += _restore_rest(host, manager, former, prepared)
    upgraded = sorted({str(name) for result in former[RESULTS] for name in result["upgraded"]})
    stays += [_("{package} stays at its newer version.").format(package=manager.plain(name)) for name in upgraded]
    return tuple(stays)


def _prepare(host: Workshop, step: Step, former: Mapping[str, Any], directory: str) -> Prepared:
    """What to take away, and what the host looks like now; from the run's directory where an undo has begun before."""
    import json

    manager = managers.of(step)
    path = f"{directory}/undo-{step.arguments[KEY]}.json"
    known = host.read(path, 64 << 20)
    if not known.error:
        raw = json.loads(known.text)
        return Prepared(
            tuple(raw["purge"]),
            tuple(raw["remove"]),
            tuple(raw["kept"]),
            leftovers.unpack(raw["tree"]),
            raw["files"],
            raw["altered"],
        )
    ours = set(former["incoming"])
    for result in former[RESULTS]:
        ours |= set(result["brought"])
    brought = [name for name in _brought(former["packages"], manager.installed(host)) if name in ours]
    going = _without_dependents(host, manager, brought)
    remove = tuple(name for name in going if name in former["packages"])
    purge = tuple(name for name in going if name not in former["packages"])
    before, here = leftovers.unpack(former["tree"]), leftovers.tree(host)
    files = _save_files(host, manager, purge, before, directory)
    owned = manager.files(host, purge) if purge else frozenset()
    altered = {path: state for path, state in leftovers.changed(before, here).items() if path in owned}
    prepared = Prepared(purge, remove, tuple(n for n in brought if n not in going), here, files, altered)
    text = json.dumps(prepared._replace(tree={})._asdict() | {"tree": leftovers.pack(prepared.tree)})
    host.write(path, text.encode("utf-8"), 0o600)
    return prepared


def _without_dependents(host: Door, manager: Manager, brought: Sequence[str]) -> list[str]:
    """Those of the packages that can go without taking a package along that came later. Raises WorkError."""
    plain = manager.plain
    going = list(brought)
    while going:
        result, would = manager.would_go(host, going)
        if not result.ok:
            raise failed(manager, result._replace(stdout=result.stdout + result.stderr), "")
        others = would - {plain(name) for name in brought}
        ours = {plain(name) for name in going}
        if not others and would <= ours:
            return [name for name in going if plain(name) in would]
        needed = [name for name in going if manager.would_go(host, [name])[1] - ours]
        if not needed:
            raise WorkError(
                _("These packages cannot be taken away: {packages}").format(packages=" ".join(sorted(others))),
                _("Packages that came later need one of several that this run brought in."),
                _("Remove those packages first, then run kvmready undo again."),
            )
        going = [name for name in going if name not in needed]
    return []


def _save_files(
    host: Workshop, manager: Manager, purge: Sequence[str], before: leftovers.Tree, directory: str
) -> dict[str, str]:
    """Copies of the configuration files that were there before their package was, because they go with it."""
    if not purge:
        return {}
    saved: dict[str, str] = {}
    for path in manager.configuration(host, purge):
        if path.startswith(PLACES) and before.get(path, "").startswith("f "):
            copy = f"{directory}/kept-{len(saved)}"
            host.write(copy, host.read_bytes(path), 0o600)
            saved[path] = copy
    return saved


def _stop_networks(host: Workshop, say: Say) -> None:
    """Stop libvirt's networks: a purge leaves their bridges and dnsmasq running."""
    base = ("virsh", "--connect", "qemu:///system")
    listed = host.run(Command((*base, "net-list", "--name"), timeout=60))
    for name in listed.stdout.split("\n"):
        if name.strip():
            say(_("Stopping the network {name}").format(name=name.strip()))
            host.change(Command((*base, "net-destroy", "--network", name.strip()), timeout=60))


def _restore_marks(host: Workshop, manager: Manager, former: Mapping[str, Any], kept: Sequence[str]) -> None:
    """The marks as they were; what stays only because a later package needs it may go with that one."""
    now, before = manager.automatic(host), set(former["automatic"])
    here = {name for name, package in manager.installed(host).items() if package.status == "installed"}
    for automatic, names in ((True, (before | set(kept)) - now), (False, (now - before) & set(former["packages"]))):
        present = sorted(name for name in names if name in here or f"{manager.plain(name)}:all" in here)
        argv = manager.mark(present, automatic) if present else ()
        if argv:
            host.change(Command(argv, timeout=120))


def _restore_rest(host: Workshop, manager: Manager, former: Mapping[str, Any], prepared: Prepared) -> list[str]:
    results: Sequence[Mapping[str, Any]] = former[RESULTS]
    before = leftovers.unpack(former["tree"])
    leftovers.restore_units(host, former["active"])
    made: list[str] | None = None
    users: leftovers.Accounts | None = None
    altered = dict(prepared.altered)
    if results:
        made = [path for result in results for path in result["paths"]]
        users = leftovers.Accounts(
            {name: "" for result in results for name in result["users"]},
            {name: "" for result in results for name in result["groups"]},
        )
        for result in results:
            altered.update(result["altered"])
    for path, copy in prepared.files.items():
        if host.stat(path).error:
            _kind, mode, uid, gid = before[path].split()
            host.mkdir(path.rpartition("/")[0], 0o755)
            host.write(path, host.read_bytes(copy), int(mode, 8), (int(uid), int(gid)))
    then = leftovers.Accounts(former["users"], former["groups"])
    paths, names = _in_use(host, manager, prepared.kept, then)
    stays = leftovers.restore_accounts(host, then, users, names)
    around = (prepared.tree, leftovers.tree(host))
    return stays + leftovers.restore_tree(host, before, around, made, altered, paths)


def _in_use(
    host: Door, manager: Manager, kept: Sequence[str], before: leftovers.Accounts
) -> tuple[frozenset[str], frozenset[str]]:
    """The paths of packages that stay, and the accounts that came and that the scripts of these packages name."""
    if not kept:
        return frozenset(), frozenset()
    paths = manager.files(host, kept)
    now = leftovers.accounts(host)
    came = {*leftovers.appeared(before.users, now.users), *leftovers.appeared(before.groups, now.groups)}
    sysusers = [path for path in paths if path.startswith("/usr/lib/sysusers.d/") and path.endswith(".conf")]
    texts = [*manager.scripts(host, kept), *(host.read(path).text for path in sysusers)]
    return paths, frozenset(name for name in came if any(name in text for text in texts))
