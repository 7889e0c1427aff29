"""What cloud-init is told in the guest: its name, one user who may do all, and the keys of that user."""

from __future__ import annotations

from collections.abc import Sequence

from kvmready.host.door import Command
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING
from kvmready.vm.trouble import UNWRITABLE, NotReady, unwritable

if TYPE_CHECKING:
    from kvmready.host.door import Workshop

SHELL = "/bin/bash"
LABEL = "cidata"
"""cloud-init's NoCloud reads the file system of this label, on whatever disk it is."""

WRITERS = ("xorrisofs", "genisoimage", "mkisofs")
"""Programs that take the same options; virt-install needs one of them as well, and its packages bring one in."""

LIMIT = 60.0


def user_data(hostname: str, login: str, keys: Sequence[str], shell: str = SHELL) -> str:
    """The cloud-config. JSON is YAML, and leaves no value a way to be more than a value."""
    import json

    user = {
        "name": login,
        "gecos": login,
        "groups": ["adm"],
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": shell,
        "lock_passwd": True,
        "ssh_authorized_keys": list(keys),
    }
    config = {
        "hostname": hostname,
        "manage_etc_hosts": True,
        "users": [user],
        "ssh_pwauth": False,
        "disable_root": True,
    }
    return f"#cloud-config\n{json.dumps(config, indent=1, sort_keys=True)}\n"


def meta_data(uuid: str, hostname: str) -> str:
    import json

    return json.dumps({"instance-id": uuid, "local-hostname": hostname}) + "\n"


def write(host: Workshop, folder: str, files: dict[str, str]) -> str:
    """Put the files and an ISO 9660 image of them into ``folder``; returns the image's path.

    It becomes a virtio disk of the guest: the kernels of some cloud images (Debian's genericcloud) have no driver for
    the CD-ROM drive that ``virt-install --cloud-init`` would give it, and such a guest lets nobody in. Raises
    WorkError.
    """
    image = f"{folder}/seed.iso"
    try:
        for name, text in files.items():
            host.write(f"{folder}/{name}", text.encode(), 0o600, lasting=False)
    except OSError as error:
        raise unwritable(folder, error) from None
    words = ("-quiet", "-output", image, "-volid", LABEL, "-joliet", "-rock", *(f"{folder}/{name}" for name in files))
    for writer in WRITERS:
        done = host.change(Command((writer, *words), LIMIT))
        if done.ok:
            return image
        if done.problem != "absent":
            what = _("{program} could not write the seed of cloud-init.").format(program=writer)
            full = "no space left" in done.stderr.lower()
            raise NotReady("storage.no-space" if full else UNWRITABLE, what, done.stderr.strip())
    raise NotReady(
        "libvirt.clients-missing",
        _("There is no program here that writes the seed of cloud-init."),
        ", ".join(WRITERS),
        _("Install one: the package is called xorriso."),
    )
