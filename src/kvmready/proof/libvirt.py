"""Level ``libvirt``: the same guest as a transient domain on the system URI, through virsh alone, as the user.

The domain is created with ``--autodestroy`` by a virsh that then stays and prints the domain's events: libvirt destroys
the domain when that virsh goes, in whatever way, even while the daemon is still at work on the creation.
"""

from __future__ import annotations

import time

from kvmready.checks.finding import Evidence
from kvmready.facts.known import Known
from kvmready.facts.qemu import program
from kvmready.facts.virsh import URI
from kvmready.guest import bootsector
from kvmready.i18n import _
from kvmready.proof import causes, witness
from kvmready.proof.place import PREFIX, Nonce, dead, quoted
from kvmready.proof.qemu import DISK, no_room, said
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.host.door import Result, Running
    from kvmready.proof.place import Place, Steps

CONNECT, VOLUME, DOMAIN, WITNESS, REMOVE = (
    "libvirt.connect",
    "libvirt.volume",
    "libvirt.domain",
    "libvirt.witness",
    "libvirt.remove",
)
POOL = "default"
LIMIT = 30.0
"""Seconds for a virsh that only asks or moves a few bytes."""

CREATE_LIMIT = 180.0
"""Seconds until the domain exists. A daemon that does not know the emulator's capabilities yet starts it several times
first, which takes most of a minute under a KVM that emulates its guests."""

RUN_LIMIT = 120.0
PATIENCE = 0.02
"""Seconds between two looks at the events."""

LIST_EVERY = 2.0
"""Seconds between two looks at the list of domains, for an end that came before virsh listened for events."""

CREATED = "kvmready-created"
TAKEN = ("is already active", "already exists with uuid", "is already defined with uuid", "is already being started")
"""virDomainObjListAdd: a domain of that name or UUID is there, so another proof of this user runs."""

LOG_FOLDER = "/var/log/libvirt/qemu"
APPARMOR_FOLDER = "/etc/apparmor.d/libvirt"


class Ended(NamedTuple):
    """How the domain went. ``state`` is gone, refused (never created) or timeout; ``text`` all that virsh printed."""

    state: str
    text: str


SCREEN = """<video><model type='vga'/></video>
    <graphics type='vnc'><listen type='none'/></graphics>"""
"""A screen that listens nowhere: a viewer is handed its connection by libvirt itself (virDomainOpenGraphicsFD)."""


def domain_xml(name: str, uuid: str, accel: str, arch: str, disk: str, screen: bool = False) -> str:
    """The smallest domain that boots a disk: nothing that could wait, be missing or be in use by another."""
    from xml.sax.saxutils import escape, quoteattr

    title = "" if screen else "<title>kvmready proof; it ends and goes by itself</title>"  # else lists show its name

    return f"""<domain type={quoteattr("kvm" if accel == "kvm" else "qemu")}>
  <name>{escape(name)}</name>
  <uuid>{uuid}</uuid>
  {title}
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch={quoteattr(arch)} machine='pc'>hvm</type><boot dev='hd'/></os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file={quoteattr(disk)}/>
      <target dev='hda' bus='ide'/>
    </disk>
    <memballoon model='none'/>
    {SCREEN if screen else ""}
  </devices>
</domain>
"""


def uuid_of(name: str) -> str:
    """A UUID of version 8 (RFC 9562: the bits are ours) from the end of the domain's name, which is what differs."""
    digits = name.encode("ascii")[-16:].hex()
    digits = f"{digits[:12]}8{digits[13:16]}8{digits[17:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def names_of(place: Place) -> tuple[str, ...]:
    """Names for the domain, in order of preference.

    libvirt keeps a record (and an AppArmor profile) of each domain by name and UUID, and only root may remove them.
    So a user's proofs share one name, and leave one record, not one each; a second proof at once takes its own.
    """
    if place.caller.uid == 0:
        return (place.mark,)
    return (f"{PREFIX}u{place.caller.uid}", place.mark)


def virsh_path(place: Place) -> str:
    """The client, "" when there is none."""
    found = program(place.host, place.names.virsh)
    return found.value if isinstance(found, Known) else ""


def takes_back(place: Place) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The commands and the files that remove whatever this level may leave, for the guard."""
    client = virsh_path(place)
    if not client:
        return (), ()
    base = (client, "-q", "-c", URI)
    commands = ((*base, "destroy", place.mark), (*base, "vol-delete", "--pool", POOL, place.mark))
    return commands, left_by_libvirt(place.mark) if place.caller.uid == 0 else ()


def left_by_libvirt(name: str) -> tuple[str, ...]:
    """Files that libvirt writes for a domain and keeps; only root may remove them."""
    profile = f"{APPARMOR_FOLDER}/libvirt-{uuid_of(name)}"
    return (f"{LOG_FOLDER}/{name}.log", profile, f"{profile}.files")


class Level:
    """The steps of this level, which share the client and the collected steps."""

    def __init__(self, place: Place, steps: Steps) -> None:
        self.place = place
        self.steps = steps
        self.client = virsh_path(place)
        self.nonce = Nonce()
        self.name = ""
        self.volume_path = ""
        self.made = False
        self.stays = False

    def argv(self, *arguments: str) -> tuple[str, ...]:
        return (self.client, "-q", "-c", URI, *arguments)

    def virsh(self, *arguments: str) -> Result:
        return self.place.run(self.argv(*arguments), LIMIT)

    def fail(self, id: str, result: Result, table: causes.Table) -> bool:
        cause = causes.of_program(result, "libvirt.clients-missing", "libvirt.hangs")
        cause = cause or causes.recognise(result.stderr, table)
        self.steps.add(id, "fail", (Evidence(quoted(result.argv), said(result, LIMIT)),), self.settled(cause))
        return False

    def settled(self, cause: str) -> str:
        place = self.place
        paths = (self.volume_path,) if self.volume_path else ()
        return causes.settled(cause, place.host, place.names, place.caller, place.account, paths)

    def connect(self) -> bool:
        """Connect, and remove what killed proofs left."""
        self.steps.begin()
        if not self.client:
            why = _("There is no virsh on this host.")
            seen = Evidence(" ".join(self.place.names.virsh), why)
            return self.steps.add(CONNECT, "fail", (seen,), "libvirt.clients-missing")
        listed = self.virsh("list", "--all", "--name")
        if not listed.ok:
            return self.fail(CONNECT, listed, causes.CONNECT)
        evidence = [Evidence(quoted(listed.argv), _("connected"))]
        for name in listed.stdout.split():
            if dead(self.place.host, name):
                destroyed = self.virsh("destroy", name)
                evidence.append(Evidence(quoted(destroyed.argv), _("a killed proof had left it")))
        return self.steps.add(CONNECT, "pass", evidence)

    def volume(self) -> bool:
        """Put the guest's disk into the default pool, as a step."""
        evidence: list[Evidence] = []
        return self.filled(VOLUME, evidence) and self.steps.add(VOLUME, "pass", evidence)

    def filled(self, id: str, evidence: list[Evidence], stay: bool = False) -> bool:
        """Put a disk into the default pool whose guest ends, or stays; what fails is told as the step ``id``."""
        place, name = self.place, self.place.mark
        listed = self.virsh("vol-list", "--pool", POOL)
        if not listed.ok:
            return self.fail(id, listed, causes.VOLUME)
        for line in listed.stdout.splitlines():
            left = line.split(maxsplit=1)[0] if line.strip() else ""
            if dead(place.host, left):
                deleted = self.virsh("vol-delete", "--pool", POOL, left)
                evidence.append(Evidence(quoted(deleted.argv), _("a killed proof had left it")))
        image = bootsector.image(self.nonce.text, self.nonce.key, stay=stay)
        try:
            disk = place.put(DISK, image)
        except OSError as error:
            return self.steps.add(id, "fail", (Evidence(place.folder, str(error)),), no_room(error))
        self.made = True
        for arguments in (
            ("vol-create-as", "--pool", POOL, name, str(len(image)), "--format", "raw"),
            ("vol-upload", "--pool", POOL, name, disk),
            ("vol-path", "--pool", POOL, name),
        ):
            result = self.virsh(*arguments)
            if not result.ok:
                return self.fail(id, result, causes.VOLUME)
            evidence.append(Evidence(quoted(result.argv), result.stdout.strip() or _("done")))
        self.volume_path = result.stdout.strip()
        return True

    def domain(self) -> bool:
        """Create the domain and wait until it is gone."""
        argv: tuple[str, ...] = ()
        ended = Ended("refused", "")
        for name in names_of(self.place):
            try:
                argv, ended = self._create(name)
            except OSError as error:
                return self.steps.add(DOMAIN, "fail", (Evidence(self.place.folder, str(error)),), no_room(error))
            if ended.state != "refused" or not any(word in ended.text for word in TAKEN):
                break
        evidence = Evidence(quoted(argv), " ".join(ended.text.replace(f"error: {CREATED}", "").split())[-600:])
        self.stays = ended.state == "timeout"
        if ended.state == "gone":
            return self.steps.add(DOMAIN, "pass", (evidence,))
        if ended.state == "refused":
            cause = causes.recognise(ended.text, causes.DOMAIN)
            return self.steps.add(DOMAIN, "fail", (evidence,), self.settled(cause))
        why = _("the domain was created, but its guest did not end within {limit:.0f} s").format(limit=RUN_LIMIT)
        cause = "kernel.run-fails" if self.place.accel == "kvm" else ""
        if CREATED not in ended.text:
            why = _("libvirt did not create the domain within {limit:.0f} s").format(limit=CREATE_LIMIT)
            cause = "libvirt.hangs"
        return self.steps.add(DOMAIN, "fail", (evidence._replace(text=why),), cause)

    def begun(self, name: str, seconds: int, screen: bool = False) -> tuple[tuple[str, ...], Running, str]:
        """Have the domain created by a virsh that stays so long: its command, it, and the file with its output.

        Raises OSError.
        """
        place = self.place
        self.name = name
        arch = "x86_64" if place.caller.arch == "x86_64" else "i686"
        text = domain_xml(name, uuid_of(name), place.accel, arch, self.volume_path, screen)
        file = place.put("domain.xml", text.encode("utf-8"))
        argv = self.argv(f"create --autodestroy {file}; echo --err {CREATED}; event --all --loop --timeout {seconds}")
        log = place.path(f"{'screen' if screen else 'events'}-{name}")
        return argv, place.host.begin_change(place.command(argv, seconds, log)), log

    def _create(self, name: str) -> tuple[tuple[str, ...], Ended]:
        argv, running, log = self.begun(name, int(CREATE_LIMIT + RUN_LIMIT))
        try:
            return argv, self._await(running, log)
        finally:
            running.stop()

    def _await(self, running: Running, log: str) -> Ended:
        """Follow virsh's output until the domain is gone, the creation has failed, or the time is over."""
        host = self.place.host
        begun = time.monotonic()
        created = 0.0
        asked = 0.0
        while True:
            result = running.poll()
            text = host.read(log).text
            now = time.monotonic()
            if not created and CREATED in text:
                if "error:" in text.partition(f"error: {CREATED}")[0]:  # virsh goes on after a command that failed
                    return Ended("refused", text)
                created = asked = now
            if created and self._stopped(text):
                return Ended("gone", text)
            if result is not None:
                return Ended(("timeout" if self.listed() else "gone") if created else "refused", text + result.stderr)
            if created and now - asked > LIST_EVERY:
                if not self.listed():
                    return Ended("gone", text)
                asked = time.monotonic()
            if now - (created or begun) > (RUN_LIMIT if created else CREATE_LIMIT):
                return Ended("timeout", text)
            host.sleep(PATIENCE)

    def _stopped(self, text: str) -> bool:
        """Whether virsh printed the event "Stopped" of our domain (virsh-domain-event.c: lifecycle events)."""
        return any(f"'{self.name}': Stopped" in line for line in text.splitlines())

    def listed(self) -> bool:
        result = self.virsh("list", "--all", "--name")
        return not result.ok or self.name in result.stdout.split()

    def goes(self) -> bool:
        """Whether libvirt destroys the domain now that its virsh is gone. A destroy by name might hit another proof."""
        end = time.monotonic() + LIMIT
        while self.listed():
            if time.monotonic() > end:
                return False
            self.place.host.sleep(LIST_EVERY / 4)
        return True

    def witness(self) -> str:
        """Read what the guest wrote into its disk; returns the witness, "" when it is not one."""
        sector = self.place.path("sector")
        offset, length = str(bootsector.WITNESS_OFFSET), str(bootsector.SECTOR_SIZE)
        result = self.virsh(
            "vol-download", "--pool", POOL, self.place.mark, sector, "--offset", offset, "--length", length
        )
        if not result.ok:
            self.fail(WITNESS, result, causes.VOLUME)
            return ""
        # Read by the user's own rights: the folder is the user's, and what lies there may have been exchanged.
        content = self.place.run(("cat", sector), LIMIT)
        judged = witness.judge(self.nonce.text, self.nonce.key, self.place.accel, content.stdout)
        evidence = [Evidence(quoted(result.argv), judged.line or judged.why)]
        if judged.line and judged.why:
            evidence.append(Evidence(_("the guest's disk"), judged.why))
        cause = judged.cause.replace("qemu.no-kvm-accel", "libvirt.no-kvm-capability")
        return judged.line if self.steps.add(WITNESS, "pass" if judged.ok else "fail", evidence, cause) else ""

    def remove(self, id: str = REMOVE) -> bool:
        """Delete the volume, and, where root may, what libvirt keeps of the domain. Nothing is left after it."""
        self.steps.begin()
        result = self.virsh("vol-delete", "--pool", POOL, self.place.mark)
        if not result.ok and "storage volume not found" not in result.stderr.lower():
            return self.fail(id, result, causes.VOLUME)
        evidence = [Evidence(quoted(result.argv), _("done"))]
        if self.name:
            if self.stays and not self.goes():
                seen = Evidence(quoted(self.argv("list", "--all", "--name")), _("the domain is still there"))
                return self.steps.add(id, "fail", (seen,), "libvirt.hangs")
            evidence += self.records()
        return self.steps.add(id, "pass", evidence)

    def records(self) -> list[Evidence]:
        """Remove what libvirt keeps of this domain and of earlier ones, where root may; else say what stays."""
        host = self.place.host
        if self.place.caller.uid != 0:
            kept = [path for path in left_by_libvirt(self.name) if host.stat(path).error != "ENOENT"]
            return [Evidence(path, _("libvirt keeps this file of the guest; only root may remove it")) for path in kept]
        for name in (self.name, *self._old_names()):
            for path in left_by_libvirt(name):
                try:
                    host.remove(path)
                except FileNotFoundError:
                    continue  # libvirt cleaned up by itself, or has no such folder
        return []

    def _old_names(self) -> tuple[str, ...]:
        """The domains of earlier proofs, of users who may not remove the records, that do not run any more."""
        files = self.place.host.listdir(LOG_FOLDER).names
        names = [file[: -len(".log")] for file in files if file.startswith(PREFIX) and file.endswith(".log")]
        if not names:
            return ()
        running = self.virsh("list", "--all", "--name")
        shared = [name for name in names if name.startswith(f"{PREFIX}u")]
        idle = [name for name in shared if running.ok and name not in running.stdout.split()]
        return (*idle, *(name for name in names if dead(self.place.host, name)))


def level(place: Place, steps: Steps) -> str:
    """Run the guest; returns the witness, "" when the level was not reached. Removes what it made in any case."""
    words = _("Running a guest under libvirt ({accel}), as {user} …")
    place.say(words.format(accel=place.accel, user=place.account.name))
    work = Level(place, steps)
    if not work.connect():
        return ""
    line = work.witness() if work.volume() and work.domain() else ""
    if not work.made:
        return ""
    return line if work.remove() else ""
