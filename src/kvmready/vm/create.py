"""Create a guest from a cloud image with virt-install; one that fails, or is killed, leaves nothing behind."""

from __future__ import annotations

import time
from uuid import uuid4

from kvmready.domains.addresses import addresses_of, best
from kvmready.domains.connection import LibvirtError
from kvmready.host.door import Command
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple
from kvmready.vm import keys as ssh, record, seed, unfinished
from kvmready.vm.trouble import NotReady, unwritable
from kvmready.vm.wanted import host_name

if TYPE_CHECKING:
    from kvmready.domains.connection import Libvirt
    from kvmready.host.door import Account, Guard, Result, Workshop
    from kvmready.images import Image
    from kvmready.plan.step import Say
    from kvmready.vm.ready import Place
    from kvmready.vm.wanted import Wanted

FOLDER = "/tmp"
PREFIX = "kvmready-vm-"
COPY_LIMIT = 3600.0
INSTALL_LIMIT = 300.0
HELP_LIMIT = 60.0
LOOK_EVERY = 1.0
PORT = 22
GREETING_LIMIT = 3.0


UNENROLLED = ",firmware.feature0.name=enrolled-keys,firmware.feature0.enabled=no"
"""Firmware in which nobody's keys are enrolled. libvirt else takes one that enforces Secure Boot where there is one
(Debian's OVMF), and an image that nobody signed, such as Alpine's, would never start."""


class Made(NamedTuple):
    """``address`` is "" where nobody waited for it. ``greeting`` is what the guest's ssh server said."""

    uuid: str
    created: record.Created
    address: str
    greeting: str


class Creating:
    """One guest in the making: ``run`` it. ``say`` hears each step. Raises WorkError, and removes all that was made."""

    def __init__(
        self, host: Workshop, libvirt: Libvirt, wanted: Wanted, image: Image, place: Place, person: Account, say: Say
    ) -> None:
        self._host = host
        self._libvirt = libvirt
        self._wanted = wanted
        self._image = image
        self._place = place
        self._person = person
        self._say = say
        self.uuid = str(uuid4())
        # Each name carries the UUID: nobody else has it, and the guard ends the programs that hold it.
        stem = f"{host_name(wanted.name)}-{self.uuid}"
        self._volume, self._seed = f"{stem}.{image.format}", f"{stem}-seed.iso"
        self._keys = place.keys if place.keys.lines else ssh.planned(person, stem)
        self._folder = f"{FOLDER}/{PREFIX}{self.uuid}"
        self._guard: Guard | None = None

    def run(self, patience: float) -> Made:
        """Make it, and wait for at most ``patience`` seconds until it can be logged in to; 0: do not wait."""
        volumes = (self._volume, self._seed)
        pool, keys = self._place.pool.name, self._keys.made
        file = unfinished.begin(
            self._host, unfinished.Unfinished(self._wanted.name, self.uuid, pool, volumes, self._folder, keys)
        )
        try:
            self._guard = self._host.guard(
                self.uuid,
                self._takes_back(),
                (self._folder, *keys),
                first=self._libvirt.argv("vol-list", f"--pool={pool}"),
                record=f"{unfinished.place(self._host)}/{self.uuid}",
            )
            made = self._make(patience)
            file.discard()  # before the guard goes: it counts from here on, killed or not
        except BaseException:
            if self._guard is None:
                file.discard()
            else:
                self._guard.strike()
            raise
        finally:
            file.close()
        self._guard.disarm()
        return made

    def left(self) -> bool:
        """Whether a creation that failed could not remove all that it had made: libvirt did not answer."""
        return not self._host.stat(f"{unfinished.place(self._host)}/{self.uuid}").error

    def _takes_back(self) -> tuple[tuple[str, ...], ...]:
        """What removes all that may have been made; each does nothing where there is nothing."""
        argv, domain = self._libvirt.argv, f"--domain={self.uuid}"
        return (
            argv("destroy", domain),
            argv("undefine", domain, "--nvram"),
            *(argv("vol-delete", f"--pool={self._place.pool.name}", f"--vol={v}") for v in (self._volume, self._seed)),
        )

    def _make(self, patience: float) -> Made:
        wanted, place = self._wanted, self._place
        if self._keys.made:
            self._say(_("Making an ssh key for the guest …"))
            self._keys = ssh.make(self._host, self._person, self._keys, f"kvmready {host_name(wanted.name)}")
        try:
            self._host.mkdir(self._folder, 0o700)
        except OSError as error:
            raise unwritable(self._folder, error) from None
        volumes = (self._disk(), self._seed_disk())
        self._say(_("Starting the guest with virt-install …"))
        self._install()
        created = record.Created(volumes, place.login, wanted.image, self._keys.made)
        self._remember(created)
        self._host.remove_tree(self._folder)
        if not patience:
            return Made(self.uuid, created, "", "")
        address, greeting = self._reached(patience)
        return Made(self.uuid, created, address, greeting)

    def _disk(self) -> record.Volume:
        """Copy the image into the pool and grow it."""
        image = self._image
        self._say(_("Copying the image into the pool {pool} …").format(pool=repr(self._place.pool.name)))
        made = self._uploaded(self._volume, image.path, image.format, image.length)
        if self._place.disk > image.size:
            pool, volume = f"--pool={made.pool}", f"--vol={made.name}"
            self._libvirt.change("pool-refresh", pool)  # it still has the size that it was made with
            self._libvirt.change("vol-resize", pool, volume, f"--capacity={self._place.disk}B")
        return made

    def _uploaded(self, name: str, path: str, format: str, length: int) -> record.Volume:
        """A volume with the content of a file. ``length`` is the file's."""
        pool, change = self._place.pool.name, self._libvirt.change
        size = length if format == "raw" else 1 << 20
        what = (f"--name={name}", f"--capacity={size}B", f"--format={format}", "--allocation=0")
        change("vol-create-as", f"--pool={pool}", *what)
        sparse = ("--sparse",) if format == "raw" else ()
        change("vol-upload", f"--pool={pool}", f"--vol={name}", f"--file={path}", *sparse, limit=COPY_LIMIT)
        return record.Volume(pool, name, self._libvirt.text("vol-path", f"--pool={pool}", f"--vol={name}").strip())

    def _seed_disk(self) -> record.Volume:
        name = host_name(self._wanted.name)
        shell = "/bin/sh" if self._image.osinfo.startswith("alpine") else seed.SHELL
        files = {
            "user-data": seed.user_data(name, self._place.login, self._keys.lines, shell),
            "meta-data": seed.meta_data(self.uuid, name),
        }
        image = seed.write(self._host, self._folder, files)
        return self._uploaded(self._seed, image, "raw", self._host.stat(image).size)

    def _install(self) -> None:
        # HOME: its log and its cache go into our folder.
        running = self._host.begin_change(Command(self.argv(), INSTALL_LIMIT, env=(("HOME", self._folder),)))
        try:
            result = running.wait()
        finally:
            running.stop()
        if not result.ok:
            raise _refused(self._libvirt, result)

    def argv(self) -> tuple[str, ...]:
        """The virt-install. Values of its comma syntax are ours, or words without a comma."""
        wanted, place = self._wanted, self._place
        words = [
            "virt-install",
            f"--connect={self._libvirt.uri}",
            f"--name={wanted.name}",
            f"--uuid={self.uuid}",
            "--import",
            f"--virt-type={'kvm' if wanted.accel == 'kvm' else 'qemu'}",
            f"--memory={wanted.memory >> 20}",
            f"--vcpus={wanted.cpus}",
            f"--disk=vol={place.pool.name}/{self._volume},bus=virtio",
            f"--disk=vol={place.pool.name}/{self._seed},bus=virtio,readonly=on",
            f"--network=network={wanted.network},model=virtio",
            "--channel=unix,target.type=virtio,target.name=org.qemu.guest_agent.0",
            "--rng=/dev/urandom",
            "--graphics=none",
            "--os-variant=detect=on,require=off",  # a name that the host's osinfo-db lacks would be an error
            "--noautoconsole",
        ]
        if place.machine:
            words.append(f"--machine={place.machine}")
        if wanted.accel != "kvm" and place.maximum:
            words.append("--cpu=mode=maximum")
        if wanted.uefi:
            words.append("--boot=uefi" + (UNENROLLED if self._features() else ""))
        if wanted.tpm:
            words.append("--tpm=backend.type=emulator,backend.version=2.0")
        elif wanted.uefi:
            words.append("--tpm=none")  # else virt-install gives one to every guest with UEFI
        return tuple(words)

    def _features(self) -> bool:
        """Whether this virt-install can say which firmware is meant (4.0 and newer)."""
        asked = self._host.run(Command(("virt-install", "--boot=help"), HELP_LIMIT, env=(("HOME", self._folder),)))
        return "firmware.feature" in asked.stdout

    def _remember(self, created: record.Created) -> None:
        domain, more = f"--domain={self.uuid}", ("--config", "--live")
        self._libvirt.change(
            "metadata",
            domain,
            f"--uri={record.NAMESPACE}",
            f"--key={record.PREFIX}",
            f"--set={record.render(created)}",
            *more,
        )

    def _reached(self, patience: float) -> tuple[str, str]:
        from kvmready.host.tcp import greeting

        self._say(_("Waiting until the guest has an address …"))
        end = time.monotonic() + patience
        address = ""
        while time.monotonic() < end:
            try:
                found = addresses_of(self._libvirt, [self.uuid], ("lease", "arp"))[self.uuid]
                stopped = not found and self._state() not in ("running", "idle", "paused")
            except LibvirtError as error:  # its daemon may be started anew: the guest does not mind
                self._say(_("{trouble} It is asked again …").format(trouble=error.what))
                self._host.sleep(LOOK_EVERY)
                continue
            if stopped:
                raise NotReady(
                    "qemu.guest-silent",
                    _("The guest stopped before it could be reached."),
                    "",
                    _("Look at: {place}").format(place=self._log()),
                )
            seen = best(found)
            if seen and seen != address:
                address = seen
                self._say(_("Waiting until ssh answers at {address} …").format(address=address))
            said = greeting(address, PORT, GREETING_LIMIT) if address else ""
            if said:
                return address, said
            self._host.sleep(LOOK_EVERY)
        cause = "network.no-address"
        what = _("The guest has no address after {seconds:.0f} s.").format(seconds=patience)
        if address:
            cause = "network.guest-unreachable"
            words = _("The guest has the address {address}, but ssh does not answer after {seconds:.0f} s.")
            what = words.format(address=address, seconds=patience)
        raise NotReady(
            cause,
            what,
            _("It was removed again."),
            _("Keep it and look at its console: {command}").format(command="kvmready vm create --no-wait …"),
        )

    def _state(self) -> str:
        from kvmready.vm.power import state

        return state(self._libvirt, self.uuid)

    def _log(self) -> str:
        return f"/var/log/libvirt/qemu/{self._wanted.name}.log"


def _refused(libvirt: Libvirt, result: Result) -> LibvirtError:
    from kvmready.proof import causes

    if result.problem == "absent":
        why = _("There is no virt-install on this host.")
        return LibvirtError(why, "", _("Install it: kvmready up"), "libvirt.clients-missing", "")
    if result.problem == "timeout":
        why = _("virt-install did not end within {limit:.0f} s.").format(limit=INSTALL_LIMIT)
        return LibvirtError(_("libvirt does not answer."), why, "", "libvirt.hangs", "")
    said = [line.strip() for line in (result.stderr + result.stdout).splitlines() if line.strip()]
    words = next((line[5:].strip() for line in said if line.startswith("ERROR")), " ".join(said)[-600:])
    cause = causes.recognise(words, causes.DOMAIN) or "libvirt.refused"
    return libvirt.error(_("virt-install could not start the guest."), words, cause, words)
