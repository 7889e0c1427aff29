"""One guest's backup in work: what has to be ended and removed whatever happens, also when this process is killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvmready.backup import freeze, job
from kvmready.backup.repository import SPOOLS
from kvmready.domains.connection import Libvirt
from kvmready.host.door import Workshop
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from kvmready.host.door import Guard

COMMIT_LIMIT = 24 * 3600.0


class Work:
    """A context around all that is made for one backup; what was made is kept only after ``keep``.

    ``folder`` is the hidden folder of the backup; its name is in the arguments of every program that works on it.
    """

    def __init__(self, host: Workshop, libvirt: Libvirt, uuid: str, folder: str) -> None:
        self._host = host
        self._libvirt = libvirt
        self._uuid = uuid
        self.folder = folder
        self._mark = folder.rpartition("/")[2]
        self._spools: tuple[str, ...] = ()
        self._checkpoint = ""
        self._job = False
        self._thaw = False
        self._commits: tuple[tuple[str, ...], ...] = ()
        self._committed: Callable[[], None] = lambda: None
        self._kept = False
        self._guard: Guard | None = None

    def __enter__(self) -> Work:
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._job:
            job.cancel(self._libvirt, self._uuid)
        self.settle()
        for words in self._commits:
            self._libvirt.run(*words, limit=COMMIT_LIMIT)
        if self._commits:
            self._committed()
        if not self._kept and self._checkpoint:
            self._libvirt.run(*self._drop())
        for path in self._spools:
            self._gone(path)
        if not self._kept and not self._host.stat(self.folder).error:
            self._host.remove_tree(self.folder)
        if self._guard is not None:
            self._guard.disarm()

    def job_begins(self, spools: Sequence[str], checkpoint: str) -> None:
        """From now on there may be a job, files beside the guest's disks, and a checkpoint."""
        import json

        self._spools, self._checkpoint, self._job = tuple(spools), checkpoint, True
        content = json.dumps(list(spools), ensure_ascii=True).encode("ascii")
        self._host.write(f"{self.folder}/{SPOOLS}", content, 0o600)
        self._arm()

    def job_ended(self) -> None:
        self._job = False
        self._arm()

    def thaw_later(self) -> None:
        """The guest's agent did not answer a thaw: its file systems may freeze when it goes on."""
        self._thaw = True
        self._arm()

    def settle(self) -> str:
        """See that the guest does not stay frozen; "", or a sentence where that cannot be said."""
        if not self._thaw:
            return ""
        note = freeze.settle(self._host, self._libvirt, self._uuid)
        self._thaw = False
        self._arm()
        return note

    def commits(self, commands: Sequence[tuple[str, ...]], then: Callable[[], None]) -> None:
        """From now on the guest may write into overlays, which these commands of virsh commit; none: no more.

        ``then`` removes what the guest does not stand on any more.
        """
        self._commits, self._committed = tuple(commands), then
        self._arm()

    def spools_done(self) -> None:
        """What QEMU wrote has been copied into the backup."""
        for path in self._spools:
            self._gone(path)
        self._host.remove(f"{self.folder}/{SPOOLS}", lasting=False)
        self._spools = ()

    def keep(self) -> None:
        """The backup is whole and has its name."""
        self._kept = True

    def _drop(self) -> tuple[str, ...]:
        return ("checkpoint-delete", f"--domain={self._uuid}", f"--checkpointname={self._checkpoint}")

    def _gone(self, path: str) -> None:
        if not self._host.stat(path).error:
            self._host.remove(path, lasting=False)

    def _arm(self) -> None:
        """A guard for the present state, begun before the one of the state before is let go."""
        commands: list[tuple[str, ...]] = list(self._commits)
        if self._job or self._thaw:
            commands.append(("domfsthaw", f"--domain={self._uuid}"))
        if self._job:
            commands.append(("domjobabort", f"--domain={self._uuid}"))
        if self._checkpoint:
            commands.append(self._drop())
        former = self._guard
        argvs = [self._libvirt.argv(*words) for words in commands]
        self._guard = self._host.guard(self._mark, argvs, (*self._spools, self.folder))
        if former is not None:
            former.disarm()
