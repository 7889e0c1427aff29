"""Level ``linux``: a real Linux on the default network, from an image or with the host's own kernel, as the user.

The domain is created paused, with ``--autodestroy``, by a virsh that then shows its serial console: libvirt destroys
the domain when that virsh goes. Only then it is let run, so that no time and no line of its console is missed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from kvmready.checks.finding import Evidence
from kvmready.facts.virsh import URI
from kvmready.guest import linux_guest
from kvmready.i18n import _
from kvmready.proof import causes, console, figures, libvirt, linux_domain, witness
from kvmready.proof.place import quoted
from kvmready.proof.qemu import no_room, said
from kvmready.proof.record import Figure, Linux
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmready.host.door import Answer, Result, Running
    from kvmready.images.image import Image
    from kvmready.proof.own_kernel import Kernel
    from kvmready.proof.place import Place, Steps

SOURCE, DISKS, BOOT, ADDRESS, NETWORK, FIGURES, REMOVE = (
    "linux.source",
    "linux.disks",
    "linux.boot",
    "linux.address",
    "linux.network",
    "linux.figures",
    "linux.remove",
)
PARTS = ("kernel", "initrd", "root", "seed", "disk")
"""Ends of the names of the volumes that this level may make."""

UPLOAD_LIMIT = 900.0
BOOT_LIMIT = {"own": 120.0, "image": 900.0}
"""Seconds from the start until our program runs. An image's first start takes minutes under emulation."""

ADDRESS_LIMIT = 60.0
NETWORK_LIMIT = 60.0
ASK_LIMIT = 60.0
PATIENCE = 0.02
OWN_MEMORY, IMAGE_MEMORY = 256, 1024
CONSOLE_LIMIT = 16 << 20
"""Bytes of a console that are read."""

ATTACHED = "Escape character is"
WORDS = "console=ttyS0 quiet panic=-1 -- "
"""What stands behind the dashes is for init. A kernel that panics restarts at once, and that ends the domain."""


SILENT, UNWRITABLE = "qemu.guest-silent", "storage.not-writable"


class Asked(NamedTuple):
    """The image as the command line has it, "" for the host's own kernel, and its checksum, "" for none."""

    image: str = ""
    sha256: str = ""


def takes_back(place: Place) -> tuple[tuple[str, ...], ...]:
    """The commands that remove whatever this level may leave besides what level libvirt may, for the guard."""
    client = libvirt.virsh_path(place)
    base = (client, "-q", "-c", URI, "vol-delete", "--pool", libvirt.POOL)
    return tuple((*base, f"{place.mark}-{part}") for part in PARTS) if client else ()


class _Guest(libvirt.Level):
    """The steps of this level."""

    def __init__(self, place: Place, steps: Steps, asked: Asked) -> None:
        super().__init__(place, steps)
        self.asked = asked
        self.image: Image | None = None
        self.kernel: Kernel | None = None
        self.volumes: dict[str, str] = {}
        self.running: Running | None = None
        self.log = ""
        self.text = ""
        self.lines: Mapping[str, tuple[str, ...]] = {}
        self.resumed = self.up_at = 0.0
        self.ip = ""
        self.line = ""
        self.figures: tuple[Figure, ...] = ()

    def settled(self, cause: str) -> str:
        """Every failure of this level has a cause: the last one says that the words are not known."""
        return super().settled(cause) or "libvirt.refused"

    def source(self) -> bool:
        """Have what the guest starts from."""
        self.steps.begin()
        return self._image() if self.asked.image else self._own_kernel()

    def _image(self) -> bool:
        from kvmready import images

        try:
            image = images.resolve(self.place.host, self.asked.image, self.place.news, self.asked.sha256)
        except images.ImageError as error:
            why = " ".join(part for part in (error.what, error.why, error.next_move) if part)
            return self.steps.add(SOURCE, "fail", (Evidence(self.asked.image, why),), error.cause)
        self.image = image
        known = {"checksum": _("its checksum is right"), "https": _("it came over HTTPS; nobody gave a checksum")}
        words = known.get(image.verified, _("a local file; nobody gave a checksum"))
        seen = Evidence(image.path, f"{image.format}, SHA-256 {image.sha256}, {words}")
        return self.steps.add(SOURCE, "pass", (seen,))

    def _own_kernel(self) -> bool:
        from kvmready.proof import own_kernel

        kernel = own_kernel.find(self.place.host, self.place.caller.kernel)
        if kernel.why:
            words = _("The host's own kernel cannot be a guest's: {why}").format(why=kernel.why)
            return self.steps.add(SOURCE, "fail", (Evidence(kernel.path, words),), "kernel.image-unreadable")
        self.kernel = kernel
        words = _("the host's own kernel, with {count} modules").format(count=len(kernel.modules))
        return self.steps.add(SOURCE, "pass", (Evidence(kernel.path, words),))

    def disks(self) -> bool:
        """Put everything that the guest needs into the default pool."""
        place, nonce = self.place, self.nonce
        files: dict[str, str] = {}
        try:
            if self.kernel is not None:
                files["kernel"] = place.put("kernel", self.kernel.image)
                files["initrd"] = place.put("initrd", linux_guest.first_root(self.kernel.modules))
            if self.image is not None:
                from kvmready.proof import seed

                files["root"] = self.image.path
                files["seed"] = place.put("seed", seed.disc(place.mark, nonce.text, nonce.key, "/dev/vdc"))
        except OSError as error:
            return self.steps.add(DISKS, "fail", (Evidence(place.folder, str(error)),), no_room(error) or UNWRITABLE)
        evidence: list[Evidence] = []
        self.made = True
        for part, path in files.items():
            size = place.host.stat(path).size
            place.news(_("Copying {size} MB into the pool …").format(size=max(1, size // 10**6)))
            if not self._volume(part, size, path, evidence):
                return False
        return self._volume("disk", linux_guest.SENT, "", evidence) and self.steps.add(DISKS, "pass", evidence)

    def _volume(self, part: str, size: int, path: str, evidence: list[Evidence]) -> bool:
        name = f"{self.place.mark}-{part}"
        made = self.virsh("vol-create-as", "--pool", libvirt.POOL, name, str(size), "--format", "raw")
        if not made.ok:
            return self.fail(DISKS, made, causes.VOLUME)
        if path:
            # An image that root names need not be the user's to read.
            argv = self.argv("vol-upload", "--pool", libvirt.POOL, name, path)
            sent = self.place.run(argv, UPLOAD_LIMIT, by_caller=part == "root")
            if not sent.ok:
                return self.fail(DISKS, sent, causes.VOLUME)
        found = self.virsh("vol-path", "--pool", libvirt.POOL, name)
        if not found.ok:
            return self.fail(DISKS, found, causes.VOLUME)
        self.volumes[part] = self.volume_path = found.stdout.strip()
        evidence.append(Evidence(name, self.volumes[part]))
        return True

    def _wanted(self, name: str) -> linux_domain.Wanted:
        nonce, volumes = self.nonce, self.volumes
        scratch = linux_domain.Disk(volumes["disk"])
        plain = linux_domain.Wanted(name, libvirt.uuid_of(name), self.place.accel, OWN_MEMORY, (scratch,))
        if self.image is None:
            words = WORDS + " ".join(linux_guest.words("guest", nonce.text, nonce.key, "/dev/vda"))
            return plain._replace(kernel=volumes["kernel"], initrd=volumes["initrd"], words=words)
        root = linux_domain.Disk(volumes["root"], self.image.format)
        seed = linux_domain.Disk(volumes["seed"], readonly=True)
        # Distributions build for newer CPUs than the plain one that QEMU shows to a guest.
        cpu = "host-passthrough" if self.place.accel == "kvm" else "maximum"
        return plain._replace(memory=IMAGE_MEMORY, disks=(root, seed, scratch), cpu=cpu)

    def boot(self) -> bool:
        """Create the domain, let it run, and wait until our program in it speaks."""
        argv: tuple[str, ...] = ()
        refused = ""
        for name in libvirt.names_of(self.place):
            self.name = name
            try:
                argv, refused = self._start_paused()
            except OSError as error:
                return self.steps.add(
                    BOOT, "fail", (Evidence(self.place.folder, str(error)),), no_room(error) or UNWRITABLE
                )
            if not any(word in refused for word in libvirt.TAKEN):
                break
        if refused:
            cause = "libvirt.hangs" if self.stays else self.settled(causes.recognise(refused, causes.DOMAIN))
            return self.steps.add(BOOT, "fail", (Evidence(quoted(argv), " ".join(refused.split())[-600:]),), cause)
        self.resumed = time.monotonic()
        resumed = self.virsh("resume", self.name)
        if not resumed.ok:
            return self.fail(BOOT, resumed, causes.DOMAIN)
        self.place.news(_("The guest starts …"))
        limit = BOOT_LIMIT["own" if self.image is None else "image"]
        if not self._until(lambda: "up" in self.lines, limit):
            if self.place.accel == "kvm" and self.image is None:
                return self._silent(BOOT, limit, "kernel.run-fails")
            return self._silent(BOOT, limit, "storage.image-invalid" if self.image is not None else SILENT)
        self.up_at = time.monotonic()
        seen = Evidence(quoted(argv), _("the guest's system is up"))
        return self.steps.add(BOOT, "pass", (seen,))

    def _start_paused(self) -> tuple[tuple[str, ...], str]:
        """Create the domain, paused, and attach to its console; the words of a refusal, "" where there was none."""
        place = self.place
        file = place.put("domain.xml", linux_domain.xml(self._wanted(self.name)).encode("utf-8"))
        self.log = place.path(f"console-{self.name}")
        words = f"create --autodestroy --paused {file}; echo --err {libvirt.CREATED}; console {self.name} --force"
        argv = (self.client, "-c", URI, words)
        limit = libvirt.CREATE_LIMIT + max(BOOT_LIMIT.values()) + ADDRESS_LIMIT + NETWORK_LIMIT + 5 * ASK_LIMIT
        running = self.running = place.host.begin_change(place.command(argv, limit, self.log, tty=True))
        end = time.monotonic() + libvirt.CREATE_LIMIT
        while True:
            result = running.poll()
            text = place.host.read(self.log).text
            before = text.partition(f"error: {libvirt.CREATED}")[0]
            if "error:" in before or result is not None:
                running.stop()
                self.running = None
                return argv, text + (result.stderr if result is not None else "") or _("virsh ended")
            if ATTACHED in text:
                return argv, ""
            if time.monotonic() > end:
                self.stays = True
                return argv, _("libvirt did not create the domain within {limit:.0f} s").format(
                    limit=libvirt.CREATE_LIMIT
                )
            place.host.sleep(PATIENCE)

    def _look(self) -> None:
        self.text = self.place.host.read(self.log, CONSOLE_LIMIT).text
        self.lines = console.lines(self.text, self.nonce.text)

    def _until(self, reached: Callable[[], bool], limit: float) -> bool:
        """Follow the console until that is so; False when the guest is gone, or the time is over."""
        end = time.monotonic() + limit
        while True:
            ended = self.running is None or self.running.poll() is not None
            self._look()
            if reached():
                return True
            if ended or time.monotonic() > end:
                return False
            self.place.host.sleep(PATIENCE)

    def _silent(self, id: str, limit: float, cause: str) -> bool:
        """The step failed because the guest did not say what it should: show its last words."""
        gone = self.running is None or self.running.poll() is not None
        why = _("the guest ended") if gone else _("nothing more within {limit:.0f} s").format(limit=limit)
        last = console.tail(self.text.partition(ATTACHED)[2].partition("\n")[2])
        seen = [Evidence(self.name, why), Evidence(_("the guest's console"), last or _("The guest wrote nothing."))]
        if "No bootable device" in self.text or "Boot failed" in self.text:
            cause = "storage.image-invalid"
        return self.steps.add(id, "fail", seen, cause)

    def address(self) -> bool:
        """Wait until the guest has its address, and libvirt knows of it."""
        self.steps.begin()
        if self.image is None:
            if not self._until(lambda: "address" in self.lines, ADDRESS_LIMIT):
                return self._silent(ADDRESS, ADDRESS_LIMIT, "network.no-address")
            own = self.lines["address"][0]
            if own in ("none", "no-interface"):
                return self._silent(ADDRESS, ADDRESS_LIMIT, "network.no-address")
        end = time.monotonic() + ADDRESS_LIMIT
        while True:
            result = self.virsh("domifaddr", self.name, "--source", "lease")
            found = [word.partition("/")[0] for line in result.stdout.splitlines() if " ipv4 " in f" {line} "
                     for word in line.split()[-1:]]  # fmt: skip
            if self.image is None:
                found = [ip for ip in found if ip == self.lines["address"][0]]
            if found:
                self.ip = found[-1]
                seen = Evidence(quoted(result.argv), f"{self.ip}, {linux_domain.mac_of(self.name)}")
                return self.steps.add(ADDRESS, "pass", (seen,))
            if time.monotonic() > end:
                self._look()
                if not result.ok:
                    return self.fail(ADDRESS, result, causes.DOMAIN)
                return self._silent(ADDRESS, ADDRESS_LIMIT, "network.no-address")
            self.place.host.sleep(0.2)

    def _call(self, verb: str, address: str = "", port: int = linux_guest.PORT) -> Answer:
        return self.place.host.call(address or self.ip, port, f"{verb} {self.nonce.text}\n", ASK_LIMIT)

    def network(self) -> bool:
        """Ask the guest over the network for its witness."""
        end = time.monotonic() + NETWORK_LIMIT
        while True:
            answer = self._call("HELLO")
            ended = self.running is None or self.running.poll() is not None
            if answer.text or ended or time.monotonic() > end:
                break
            self.place.host.sleep(0.1)
        self._look()
        source = f"tcp:{self.ip}:{linux_guest.PORT}"
        judged = witness.judge(self.nonce.text, self.nonce.key, self.place.accel, answer.text)
        if not answer.text:
            self.steps.begin(end - NETWORK_LIMIT)
            return self._silent(NETWORK, NETWORK_LIMIT, "network.guest-unreachable")
        if not judged.ok:
            cause = judged.cause.replace("qemu.no-kvm-accel", "libvirt.no-kvm-capability")
            return self.steps.add(NETWORK, "fail", (Evidence(source, judged.why),), cause)
        clock = " ".join(self.lines.get("clock", ("?",)))
        every = " ".join(self.lines.get("clocks", ("?",)))
        seen = [Evidence(source, judged.line), Evidence(_("the guest's clocksource"), f"{clock} ({every})")]
        self.line = judged.line
        return self.steps.add(NETWORK, "pass", seen)

    def measure(self) -> bool:
        """Compare what the guest measured with the same on the host."""
        self.place.news(_("Measuring …"))
        self._until(lambda: "ready" in self.lines, NETWORK_LIMIT)
        sent = self._call("SEND")
        lines, own, why = self._on_host()
        self.figures = figures.compare(self.lines, lines, sent, own, self.place.accel)
        evidence = [
            Evidence(one.id, f"{one.guest} {one.unit}, {one.host} {one.unit}, {one.ratio}") for one in self.figures
        ]
        if why:
            evidence.append(Evidence(_("the host"), why))
        missing = any(one.ratio is None for one in self.figures)
        return self.steps.add(FIGURES, "unknown" if missing else "pass", evidence)

    def _on_host(self) -> tuple[Mapping[str, tuple[str, ...]], Answer | None, str]:
        """Run the same program here, as the user. The words say why it could not be done."""
        place, nonce = self.place, self.nonce
        try:
            program = place.put("measure", linux_guest.program(), 0o700)
            work = f"{place.make_on_disk()}/work"
            place.host.write(work, bytes(linux_guest.SENT), 0o600, self._owner(), lasting=False)
        except OSError as error:
            return {}, None, error.strerror or str(error)
        log = place.path("measured")
        argv = (program, *linux_guest.words("host", nonce.text, nonce.key, work))
        running = place.begin(argv, ASK_LIMIT, log)
        sent: Answer | None = None
        while True:
            result = running.poll()
            lines = console.lines(place.host.read(log).text, nonce.text)
            port = console.number(lines, "ready")
            if port:
                sent = self._call("SEND", "127.0.0.1", port)
                self._call("BYE", "127.0.0.1", port)
                running.wait()
                return lines, sent, ""
            if result is not None:
                return lines, None, said(result, ASK_LIMIT)
            place.host.sleep(PATIENCE)

    def _owner(self) -> tuple[int, int] | None:
        account = self.place.account
        return (account.uid, account.gid) if self.place.run_as else None

    def told(self) -> Linux:
        """What is known of the guest by now."""
        up, began = (console.number(self.lines, "up", place) for place in (0, 1))
        asked, waited = console.number(self.lines, "asked"), console.number(self.lines, "address", 1)
        phases: list[tuple[str, float | None]] = []
        if up is not None:
            phases.append(("firmware", max(0.0, self.up_at - self.resumed - up / 1e6)))
            phases.append(("kernel", began / 1e6 if began else None))
            if self.image is None:
                phases.append(("user-space", None if asked is None else (asked - up) / 1e6))
                phases.append(("address", None if waited is None else waited / 1e6))
            else:
                phases.append(("user-space", (up - began) / 1e6 if began else None))
        image = self.image
        return Linux(
            "" if image is None else image.name,
            "" if image is None else image.sha256,
            " ".join(self.lines.get("kernel", ())),
            " ".join(self.lines.get("clock", ())),
            self.ip,
            tuple((name, round(seconds, 3)) for name, seconds in phases if seconds is not None),
            self.figures,
        )

    def remove(self, id: str = REMOVE) -> bool:
        """End the guest and delete its disks; nothing is left after it."""
        self.steps.begin()
        evidence = []
        if self.running is not None:
            if self.ip:
                self._call("BYE")  # it gives its address back
            self.running.stop()
            self.virsh("destroy", self.name)
            if not self.goes():
                seen = Evidence(quoted(self.argv("list", "--all", "--name")), _("the domain is still there"))
                return self.steps.add(REMOVE, "fail", (seen,), "libvirt.hangs")
        worst: Result | None = None
        for part in PARTS:
            name = f"{self.place.mark}-{part}"
            if part not in self.volumes and name not in self._listed_volumes():
                continue
            result = self.virsh("vol-delete", "--pool", libvirt.POOL, name)
            if not result.ok and "storage volume not found" not in result.stderr.lower():
                worst = result
            evidence.append(Evidence(quoted(result.argv), _("done") if result.ok else said(result, libvirt.LIMIT)))
        if worst is not None:
            return self.fail(REMOVE, worst, causes.VOLUME)
        if self.name:
            evidence += self.records()
        return self.steps.add(REMOVE, "pass", evidence)

    def _listed_volumes(self) -> str:
        return self.virsh("vol-list", "--pool", libvirt.POOL).stdout


def level(place: Place, steps: Steps, asked: Asked) -> tuple[str, Linux | None]:
    """Run the guest; its witness, "" when the level was not reached, and what it said of itself."""
    words = _("Running a Linux guest ({accel}), as {user} …")
    place.say(words.format(accel=place.accel, user=place.account.name))
    work = _Guest(place, steps, asked)
    if not work.source():
        return "", None
    line = ""
    if work.disks() and work.boot() and work.address() and work.network():
        work.measure()
        line = work.line
    told = work.told()
    if work.made and not work.remove():
        return "", told
    return line, told
