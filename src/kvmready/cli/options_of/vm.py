"""The actions of ``kvmready vm``, each with its line in the help and options of its own."""

from __future__ import annotations

from collections.abc import Callable

from kvmready.cli.options import Option, none
from kvmready.i18n import N_

FORCE = Option(("--force",), "flag", N_("cut it off where it does not shut down"))
PATIENCE = Option(("--timeout",), "value", N_("seconds to wait for it to shut down (default: 60)"), metavar="S")
GUEST = Option(("name",), "word", N_("the guest, by name or UUID"), metavar="NAME")


def _one() -> tuple[Option, ...]:
    return (GUEST,)


def _create() -> tuple[Option, ...]:
    return (
        Option(("name",), "word", N_("the name of the new guest"), metavar="NAME"),
        Option(
            ("--image",),
            "value",
            N_("a qcow2 or raw image of a system with cloud-init: a file, an address or a known name"),
            metavar="FILE|URL|NAME",
        ),
        Option(("--cpus",), "value", N_("how many CPUs it has (default: 2)"), metavar="N"),
        Option(("--memory",), "value", N_("its memory, for instance 512M or 4G (default: 2G)"), metavar="SIZE"),
        Option(("--disk",), "value", N_("its disk (default: 10G, or as the image)"), metavar="SIZE"),
        Option(("--network",), "value", N_("the libvirt network (default: default)"), metavar="NAME"),
        Option(("--user",), "value", N_("the user in the guest (default: your own name)"), metavar="NAME"),
        Option(
            ("--ssh-key",),
            "value",
            N_("the public key that opens it (default: those in your ~/.ssh, else a new pair)"),
            metavar="FILE",
        ),
        Option(("--uefi",), "flag", N_("start it with UEFI")),
        Option(("--tpm",), "flag", N_("give it an emulated TPM 2.0")),
        Option(
            ("--accel",), "value", N_("tcg: accept software emulation where KVM is impossible"), choices=("kvm", "tcg")
        ),
        Option(("--no-wait",), "flag", N_("do not wait until it can be logged in to")),
        Option(("--timeout",), "value", N_("seconds to wait for that (default: 300)"), metavar="S"),
    )


def _stop() -> tuple[Option, ...]:
    return (GUEST, FORCE, PATIENCE)


def _delete() -> tuple[Option, ...]:
    return (
        GUEST,
        FORCE,
        PATIENCE,
        Option(
            ("--delete-disk",),
            "list",
            N_("this disk of the guest as well, although kvmready did not make it; may be repeated"),
            metavar="TARGET|PATH",
        ),
        Option(("--yes",), "flag", N_("without asking")),
    )


ACTIONS: dict[str, tuple[str, Callable[[], tuple[Option, ...]]]] = {
    "create": (N_("make a guest from a cloud image, start it and say how to log in"), _create),
    "list": (N_("list the guests of this host"), none),
    "info": (N_("show one guest: its state, addresses, disks and networks"), _one),
    "start": (N_("start a guest"), _one),
    "stop": (N_("shut a guest down"), _stop),
    "console": (N_("open a guest's serial console"), _one),
    "delete": (N_("delete a guest with the disks that kvmready made for it"), _delete),
}
