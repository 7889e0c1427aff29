"""``python3 -m tests.vm.lab``: the lab from a shell. The hosts that it starts live until they are stopped."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from . import bases, cache, machine, nspawn, running
from .cache import LabError
from .remote import Host


def attach(name: str) -> Host:
    """A host that runs already, by its name. Raises LabError when there is none."""
    directory = cache.machines() / name
    try:
        info = json.loads((directory / "info.json").read_text())
    except FileNotFoundError as error:
        raise LabError(f"no host called {name} is running") from error
    if not running.is_alive(directory):
        raise LabError(f"{name} has died; its files are in {directory}")
    return Host(name, info["kind"], directory, info["address"], info["port"], Path(info["key"]))


def main() -> int:
    """Run one command of the lab; gives the exit status."""
    # What follows "--" is the host's business, whatever it looks like.
    words, command = _partition(sys.argv[1:])
    arguments = _parser().parse_args(words)
    arguments.command = command
    try:
        return int(arguments.run(arguments))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _partition(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.vm.lab", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("build", help="build the images now")
    verb.add_argument("--base", choices=bases.NAMES, default="fresh")
    verb.set_defaults(run=_build)

    verb = verbs.add_parser("start", help="start a host and wait until it is up")
    verb.add_argument("--name", default="dev")
    verb.add_argument("--kind", choices=("vm", "nspawn"), default="vm")
    verb.add_argument("--base", choices=bases.NAMES, default="fresh")
    verb.add_argument("--no-svm", action="store_true", help="a CPU without AMD-V (vm)")
    verb.add_argument("--memory", type=int, default=2048, help="MiB (vm)")
    verb.add_argument("--cpus", type=int, default=1, help="(vm)")
    verb.add_argument(
        "--kernel-option",
        action="append",
        default=[],
        metavar="WORD",
        help="for the kernel's command line, as apparmor=0 (vm)",
    )
    verb.add_argument("--kvm", choices=nspawn.KVM_CHOICES, default="null", help="what /dev/kvm is (nspawn)")
    verb.set_defaults(run=_start)

    verb = verbs.add_parser("ssh", help="run the command after -- in a host, or log in")
    verb.add_argument("name")
    verb.add_argument("--user", default="root", help="root, alice or bob")
    verb.add_argument("--tty", action="store_true", help="give the command a terminal")
    verb.set_defaults(run=_ssh)

    verb = verbs.add_parser("copy", help="copy a file, or the content of a directory, into a host")
    verb.add_argument("name")
    verb.add_argument("source", type=Path)
    verb.add_argument("destination")
    verb.add_argument("--user", default="root", help="who will own it")
    verb.set_defaults(run=_copy)

    verb = verbs.add_parser("console", help="print what a host wrote to its console")
    verb.add_argument("name")
    verb.set_defaults(run=_console)

    verb = verbs.add_parser("stop", help="end a host and remove its files")
    verb.add_argument("name")
    verb.set_defaults(run=_stop)

    verb = verbs.add_parser("list", help="the hosts that run")
    verb.set_defaults(run=_list)
    return parser


def _build(arguments: argparse.Namespace) -> int:
    print(*bases.by_name(arguments.base).entries)
    return 0


def _start(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    host: Host
    if arguments.kind == "nspawn":
        host = nspawn.start(arguments.name, arguments.base, kvm=arguments.kvm, dies_with_parent=False)
    else:
        host = machine.start(
            arguments.name,
            arguments.base,
            svm=not arguments.no_svm,
            memory=arguments.memory,
            cpus=arguments.cpus,
            kernel_options=arguments.kernel_option,
            dies_with_parent=False,
        )
    print(f"{host.name}: up after {time.monotonic() - began:.1f} s, ssh at {host.address}:{host.port}")
    return 0


def _ssh(arguments: argparse.Namespace) -> int:
    host = attach(arguments.name)
    if arguments.command:
        argv = host.exec_argv(arguments.command, arguments.user, tty=arguments.tty)
    else:
        argv = host.ssh_argv(arguments.user, tty=True)
    os.execvp(argv[0], argv)


def _copy(arguments: argparse.Namespace) -> int:
    attach(arguments.name).copy(arguments.source, arguments.destination, arguments.user)
    return 0


def _console(arguments: argparse.Namespace) -> int:
    print((attach(arguments.name).directory / "console.log").read_text(errors="replace"))
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    running.end(attach(arguments.name).directory)
    return 0


def _list(_: argparse.Namespace) -> int:
    for info in sorted(cache.machines().glob("*/info.json")):
        if running.is_alive(info.parent):
            values = json.loads(info.read_text())
            print(f"{values['name']}\t{values['kind']}\t{values['address']}:{values['port']}\t{values['entries'][-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
