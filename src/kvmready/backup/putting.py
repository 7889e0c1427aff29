"""Files on their way to their places: hidden beside them, then moved all at once, or taken back."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.backup.place import File
from kvmready.backup.refused import IN_THE_WAY, Refused
from kvmready.domains.connection import Libvirt
from kvmready.host.door import Workshop
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from kvmready.host.door import Guard

STATE = "/var/lib/kvmready"


class Putting:
    """A context; only after ``keep`` stays what was put. ``folder`` is for what is needed meanwhile.

    A file that is overwritten waits under a hidden name until then; a guard puts it back should this process be killed.
    """

    def __init__(self, host: Workshop, libvirt: Libvirt) -> None:
        import secrets

        self._host = host
        self._libvirt = libvirt
        self._mark = f"kvmready-restore-{secrets.token_hex(8)}"
        self.folder = f"{STATE}/{self._mark}"
        self._moves: list[tuple[str, str, bool]] = []  # hidden name, place, whether something is there
        self._made: list[str] = []
        self._owned: set[str] = set()
        self._new = ""
        self._moved = False
        self._kept = False
        self._guard: Guard | None = None

    def __enter__(self) -> Putting:
        self._host.mkdir(self.folder, 0o700)
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        host = self._host
        if not self._kept:
            if self._new:
                self._libvirt.run(*self._undefine())
            for folder in self._made:
                self._gone(folder)
            for hidden, place, over in self._moves:
                self._gone(hidden)
                if self._moved and not over:
                    self._gone(place)
                if over and not host.stat(self._former(place)).error:
                    self._gone(place)
                    host.rename(self._former(place), place)
        self._gone(self.folder)
        if self._guard is not None:
            self._guard.disarm()

    def hidden(self, file: File) -> str:
        """The name under which a file is written until it is moved; from now on it goes with us."""
        return self._hide(file.path, file.over)

    def _hide(self, place: str, over: bool) -> str:
        folder, _slash, _name = place.rpartition("/")
        hidden = f"{folder}/.{self._mark}-{len(self._moves)}"
        self._moves.append((hidden, place, over))
        self._arm()
        return hidden

    def put_tree(self, place: str, files: Sequence[tuple[str, bytes]]) -> None:
        """Small files in a folder, owned by the user of TPM emulators. Raises OSError."""
        host = self._host
        owner = next((one for one in map(host.account, ("swtpm", "tss")) if not one.error), None)
        uid, gid = (owner.uid, owner.gid) if owner is not None else (0, 0)
        if host.stat(place).error:
            self._made.append(place)
            self._arm()
        for path, content in files:
            folder = f"{place}/{path}".rpartition("/")[0]
            if host.stat(folder).error:
                host.mkdir(folder, 0o700)
                host.chown(folder, uid, gid, 0o700)
                host.chown(place, uid, gid, 0o700)
            hidden = self._hide(f"{place}/{path}", not host.stat(f"{place}/{path}").error)
            host.write(hidden, content, 0o600, (uid, gid))
            self._owned.add(hidden)

    def move(self) -> None:
        """All to their places. Nothing that came there meanwhile is overwritten. Raises WorkError, OSError."""
        host = self._host
        for hidden, _place, _over in self._moves:
            if hidden not in self._owned:
                host.chown(hidden, 0, 0, 0o600)  # libvirt gives it to QEMU's user when the guest starts
            host.sync(hidden)
        for _hidden, place, over in self._moves:
            if over:
                host.rename(place, self._former(place))
            elif host.stat(place).error != "ENOENT":
                raise Refused(IN_THE_WAY, _("{path} is there already.").format(path=place), "", _("Move it away."))
        self._moved = True
        self._arm()
        for hidden, place, _over in self._moves:
            host.rename(hidden, place)

    def defining(self, uuid: str) -> None:
        """From now on libvirt may know a guest that it did not know before."""
        self._new = uuid
        self._arm()

    def _undefine(self) -> tuple[str, ...]:
        return ("undefine", f"--domain={self._new}", "--nvram")

    def keep(self) -> None:
        """The guest is defined: what was overwritten goes."""
        self._kept = True
        if self._guard is not None:
            self._guard.disarm()
        for _hidden, place, over in self._moves:
            if over:
                self._gone(self._former(place))

    def _former(self, place: str) -> str:
        folder, _slash, name = place.rpartition("/")
        return f"{folder}/.{self._mark}-former-{name}"[:4000]

    def _gone(self, path: str) -> None:
        kind = self._host.stat(path).kind
        if kind == "directory":
            self._host.remove_tree(path)
        elif kind:
            self._host.remove(path, lasting=False)

    def _arm(self) -> None:
        """A guard for all that there may be now. What was overwritten is moved back last, over what came there."""
        # mv(1) of a former that is not there fails and changes nothing.
        commands: list[tuple[str, ...]] = [
            ("mv", "-fT", "--", self._former(place), place) for _hidden, place, over in self._moves if over
        ]
        if self._new:
            commands.insert(0, self._libvirt.argv(*self._undefine()))
        gone = [hidden for hidden, _place, _over in self._moves]
        gone += [place for _hidden, place, over in self._moves if self._moved and not over]
        before = self._guard
        self._guard = self._host.guard(self._mark, commands, (*gone, *self._made, self.folder))
        if before is not None:
            before.disarm()
