"""What the profile desktop adds to a proof: virt-manager's list has a guest, and virt-viewer shows its screen.

The guest is one that stays and draws what only it could know (``guest/boot_sector.s``). virt-manager tells by its
toolkit which rows its list shows; all else is seen from outside, on the display.
"""

from __future__ import annotations

import time

from kvmready.checks.finding import Evidence
from kvmready.facts.known import Known
from kvmready.facts.qemu import program
from kvmready.facts.tools import MANAGER, VIEWER
from kvmready.guest.bootsector import expected_cells, expected_mix
from kvmready.i18n import _
from kvmready.proof import causes, display, libvirt, picture, windows
from kvmready.proof.place import quoted
from kvmready.proof.qemu import no_room
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.host.door import Picture, Running, Window
    from kvmready.proof.place import Place, Steps

GUEST, MANAGE, VIEW, PICTURE, REMOVE = (
    "desktop.guest",
    "desktop.virt-manager",
    "desktop.virt-viewer",
    "desktop.screenshot",
    "desktop.remove",
)
HOME = "home"
PATIENCE = 0.3
SETTLE = 0.6
"""Seconds for a window to be drawn at its new place."""


class Desktop:
    """The steps of this part, which share a display and a guest."""

    def __init__(self, place: Place, steps: Steps, file: str) -> None:
        self.place = place
        self.steps = steps
        self.file = file
        self.kept = ""
        self.work = libvirt.Level(place, steps)
        self.display: display.Display | None = None
        self.virsh: Running | None = None
        self.open: list[windows.Program] = []
        self.windows: list[Window] = []

    @property
    def cells(self) -> tuple[int, ...]:
        return expected_cells(self.work.nonce.text, self.work.nonce.key)

    def run(self) -> bool:
        """Whether all of it was seen. What was made is removed in any case."""
        self.display = display.opened(self.place, self.steps)
        if self.display is None:
            return False
        try:
            done = self.guest() and self.manager() and self.viewer()
            if self.windows and not self.screenshot():
                done = False
        finally:
            removed = self.remove()
        return done and removed

    def guest(self) -> bool:
        """A guest that stays and draws; seen by libvirt itself, so that what a viewer lacks is the viewer's."""
        self.place.say(_("Running a guest with a screen, as {user} …").format(user=self.place.account.name))
        evidence: list[Evidence] = []
        if not self.work.filled(GUEST, evidence, stay=True):
            return False
        for name in libvirt.names_of(self.place):
            try:
                argv, self.virsh, log = self.work.begun(name, int(windows.LIFE), screen=True)
            except OSError as error:
                return self.steps.add(GUEST, "fail", (Evidence(self.place.folder, str(error)),), no_room(error))
            self.work.stays = True
            text = self._created(self.virsh, log)
            if not any(word in text for word in libvirt.TAKEN):
                break
            self.virsh.stop()
        if libvirt.CREATED not in text or "error:" in text.partition(f"error: {libvirt.CREATED}")[0]:
            seen = Evidence(quoted(argv), " ".join(text.split())[-windows.WORDS :])
            cause = self.work.settled(causes.recognise(text, causes.DOMAIN))
            return self.steps.add(GUEST, "fail", (seen,), cause)
        end = time.monotonic() + libvirt.RUN_LIMIT
        while time.monotonic() < end and self.virsh is not None and self.virsh.poll() is None:
            seen_by_libvirt = self._screen()
            if seen_by_libvirt is not None and picture.shows(seen_by_libvirt, self.cells):
                nonce = self.work.nonce
                drawn = _("its screen shows the colours of {nonce} {mix}")
                drawn = drawn.format(nonce=nonce.text, mix=f"{expected_mix(nonce.text, nonce.key):08x}")
                seen = Evidence(quoted(self.work.argv("screenshot", self.work.name)), drawn)
                return self.steps.add(GUEST, "pass", (Evidence(quoted(argv), _("it runs")), seen))
            self.place.host.sleep(PATIENCE)
        why = _("its screen does not show what it should have drawn within {limit:.0f} s").format(
            limit=libvirt.RUN_LIMIT
        )
        return self.steps.add(GUEST, "fail", (Evidence(quoted(argv), why),), "")

    def _created(self, running: Running, log: str) -> str:
        """What virsh said when the domain was there, or would not be."""
        host = self.place.host
        end = time.monotonic() + libvirt.CREATE_LIMIT
        text = ""
        while libvirt.CREATED not in text and time.monotonic() < end:
            result = running.poll()
            text = host.read(log).text
            if result is not None:
                return text + result.stderr
            host.sleep(libvirt.PATIENCE)
        return text

    def _screen(self) -> Picture | None:
        """The guest's screen as libvirt has it."""
        from base64 import b64decode

        file = self.place.path("guest-screen")
        if not self.work.virsh("screenshot", self.work.name, file).ok:
            return None
        # By the user's own rights, and as text: the folder is the user's, and what lies there may have been exchanged.
        content = self.place.run(("base64", file), libvirt.LIMIT)
        try:
            return picture.from_file(b64decode(content.stdout)) if content.ok else None
        except ValueError:
            return None

    def program(self, id: str, name: str, paths: tuple[str, ...]) -> str:
        """The path of a program, "" where it is missing, which ends the step."""
        found = program(self.place.host, paths)
        if isinstance(found, Known):
            self.place.say(_("Opening {name}, as {user} …").format(name=name, user=self.place.account.name))
            return found.value
        seen = Evidence(" ".join(paths), _("{name} is not installed.").format(name=name))
        self.steps.add(id, "fail", (seen,), "tools.not-installed")
        return ""

    def started(self, argv: tuple[str, ...]) -> windows.Program:
        assert self.display is not None
        begun = windows.Program(self.place, self.display, self.place.subfolder(HOME), argv)
        self.open.append(begun)
        return begun

    def manager(self) -> bool:
        """virt-manager connects, and its list has the guest."""
        path = self.program(MANAGE, "virt-manager", MANAGER)
        if not path:
            return False
        manager = self.started(windows.manager_command(path))
        guest = self.work.name

        def listed() -> Window | None:
            if not manager.watched:
                return self.on_display("Virtual Machine Manager")
            found = windows.lists(manager.shown(), guest)
            return None if found is None or not found.title else self.on_display(found.title)

        window = manager.wait_for(listed)
        if window is None:
            return self.steps.add(MANAGE, "fail", *manager.failed(_("a window that lists {name}").format(name=guest)))
        self.windows.append(window)
        seen = _("the window “{title}” is open; what it lists could not be asked")
        seen = seen.format(title=window.title)
        shown = windows.lists(manager.shown(), guest)
        if shown is not None:
            seen = _("the window “{title}” lists {rows}").format(title=window.title, rows=", ".join(shown.rows))
        return self.steps.add(MANAGE, "pass", (Evidence(quoted(manager.argv), seen),))

    def viewer(self) -> bool:
        """virt-viewer's window shows what the guest drew."""
        path = self.program(VIEW, "virt-viewer", VIEWER)
        if not path:
            return False
        viewer = self.started(windows.viewer_command(path, self.work.name))
        placed: set[int] = set()

        def shown() -> Window | None:
            window = self.on_display(self.work.name)
            if window is None or self.display is None:
                return None
            if not self.display.own and window.id not in placed:  # no window manager puts it beside the others
                placed.add(window.id)
                self.display.screen.move(window, sum(other.width for other in self.windows), 0)
            taken = self._taken(window)
            return window if taken is not None and picture.shows(taken, self.cells) else None

        window = viewer.wait_for(shown)
        if window is None:
            what = _("a window that shows the screen of {name}").format(name=self.work.name)
            return self.steps.add(VIEW, "fail", *viewer.failed(what))
        self.windows.append(window)
        seen = _("the window “{title}” shows what this guest drew").format(title=window.title)
        return self.steps.add(VIEW, "pass", (Evidence(quoted(viewer.argv), seen),))

    def on_display(self, title: str) -> Window | None:
        """The largest window on the display whose title holds this text; programs have small helpers of their name."""
        assert self.display is not None
        try:
            found = [window for window in self.display.screen.windows() if title in window.title]
        except OSError:
            return None  # a window was closed while it was asked for; the program is asked again
        return max(found, key=lambda window: window.width * window.height, default=None)

    def _taken(self, window: Window) -> Picture | None:
        assert self.display is not None
        try:
            return self.display.screen.picture(window)
        except OSError:
            return None

    def screenshot(self) -> bool:
        """Keep a picture of the windows, of nothing else on the display."""
        self.place.host.sleep(SETTLE)
        pictures = [taken for taken in map(self._taken, self.windows) if taken is not None]
        if not pictures:
            why = _("the display gives no picture of its windows")
            return self.steps.add(PICTURE, "fail", (Evidence("X11 GetImage", why),))
        host = self.place.host
        try:
            host.mkdir(self.file.rpartition("/")[0] or "/", 0o700)
            host.write(self.file, picture.png(picture.beside(pictures)), 0o600)
        except OSError as error:
            return self.steps.add(PICTURE, "fail", (Evidence(self.file, str(error)),), no_room(error))
        self.kept = self.file
        return self.steps.add(PICTURE, "pass", (Evidence(self.file, _("the windows, as they were")),))

    def remove(self) -> bool:
        """End the programs, the guest and the display, and remove what they left."""
        for begun in reversed(self.open):
            begun.stop()
        if self.virsh is not None:
            self.virsh.stop()  # libvirt destroys the domain with it
        if self.display is not None:
            self.display.close(self.place)
        return self.work.remove(REMOVE) if self.work.made else True


def level(place: Place, steps: Steps, file: str) -> tuple[bool, str]:
    """Prove the desktop; returns whether that was seen, and where its picture is, "" when there is none."""
    desktop = Desktop(place, steps, file)
    done = desktop.run()
    return done, desktop.kept
