"""The ssh keys that open a guest: named, the person's own, or a pair that is made for it. No password is ever set."""

from __future__ import annotations

import re

from kvmready.errors import InputError
from kvmready.host.door import Command
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple
from kvmready.vm.trouble import UNWRITABLE, NotReady

if TYPE_CHECKING:
    from kvmready.host.door import Account, Door, Workshop

LIMIT = 1 << 16
_KEY = re.compile(
    r"(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    r" [A-Za-z0-9+/]{40,}={0,3}(?: [^\n\r\0]*)?",
    re.ASCII,
)
"""A public key as in authorized_keys(5), without options."""


class Keys(NamedTuple):
    """``lines`` are public keys; ``private`` is the file to log in with, "" where ssh finds it; ``made`` are the files
    of a pair that does not exist yet."""

    lines: tuple[str, ...]
    private: str = ""
    made: tuple[str, ...] = ()


def lines_of(text: str) -> tuple[str, ...]:
    """The public keys in a file's text."""
    return tuple(line.strip() for line in text.splitlines() if _KEY.fullmatch(line.strip()))


def named(host: Door, path: str) -> Keys:
    """The keys of ``--ssh-key``. Raises InputError."""
    reading = host.read(path, LIMIT)
    if reading.error:
        raise InputError(_("The key {path} cannot be read.").format(path=repr(path)), reading.error)
    lines = lines_of(reading.text)
    if lines:
        return Keys(lines, path[: -len(".pub")] if path.endswith(".pub") else "")
    if "PRIVATE KEY-----" in reading.text:
        raise InputError(
            _("{path} is a private key, which stays with you.").format(path=repr(path)),
            "",
            _("Name its public half: {path}").format(path=f"{path}.pub"),
        )
    raise InputError(_("{path} holds no public ssh key.").format(path=repr(path)))


def own(host: Door, account: Account) -> Keys:
    """The public keys in the person's ~/.ssh; none where there are none."""
    folder = f"{account.home}/.ssh"
    lines: list[str] = []
    for name in host.listdir(folder).names:
        if name.endswith(".pub") and not name.startswith("kvmready-"):  # a pair for another guest opens that one only
            lines += lines_of(host.read(f"{folder}/{name}", LIMIT).text)
    return Keys(tuple(dict.fromkeys(lines)))


def planned(account: Account, stem: str) -> Keys:
    """A pair that ``make`` will make in the person's ~/.ssh."""
    path = f"{account.home}/.ssh/kvmready-{stem}"
    return Keys((), path, (path, f"{path}.pub"))


def make(host: Workshop, account: Account, keys: Keys, comment: str) -> Keys:
    """Make the planned pair as the person. Raises WorkError."""
    user = account.name if account.uid != host.caller().uid else ""
    folder = keys.private.rpartition("/")[0]
    for argv in (
        ("mkdir", "-p", "-m", "700", "--", folder),
        ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", keys.private),
    ):
        done = host.change(Command(argv, 30.0, user))
        if not done.ok:
            why = _("There is no {program} on this host.").format(program=argv[0])
            raise NotReady(
                UNWRITABLE,
                _("No ssh key can be made in {folder}.").format(folder=folder),
                why if done.problem == "absent" else done.stderr.strip(),
                _("Name the public key of yours: --ssh-key FILE"),
            )
    return keys._replace(lines=lines_of(host.read(f"{keys.private}.pub", LIMIT).text))
