"""Drives Ansible: one play over an inventory, each host's row as it comes. Needs the extra ``kvmready[fleet]``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from kvmready.errors import KvmreadyError
from kvmready.fleet import play
from kvmready.fleet.row import Row, of_event
from kvmready.i18n import _
from kvmready.typed import Any, NamedTuple

Report = Mapping[str, Any]
Ended = Callable[[Row, "Report | None"], None]
Known = Callable[[Sequence[str]], None]


class Task(NamedTuple):
    """What a play is to do: ``action`` with the module's ``options``, on the hosts of ``inventories``, or only on those
    of ``limit``. ``seconds`` is the limit for each host; ``dry``: Ansible's check mode; ``plans``: the approved plan of
    each host; ``hosts``: these and no others. ``password`` is that of become, None where it is not asked for.
    """

    action: str
    options: Mapping[str, Any]
    inventories: Sequence[str]
    batches: play.Batches
    seconds: int
    limit: str = ""
    forks: int = 0
    dry: bool = False
    plans: Mapping[str, str] = {}
    password: str | None = None
    hosts: Sequence[str] = ()


def require() -> Any:
    """The library ansible_runner. Raises KvmreadyError where the extra is not installed, or Python is too old."""
    import sys
    from importlib.util import find_spec

    if sys.version_info < (3, 11):
        why = _("The fleet needs Python 3.11 or newer here, where Ansible runs; the hosts need 3.9.")
        raise KvmreadyError(_("The fleet needs Ansible."), why, _("Run it with a newer Python."))
    missing = [name for name in ("ansible", "ansible_runner") if find_spec(name) is None]
    if missing:
        why = _("These are not installed: {names}").format(names=", ".join(missing))
        raise KvmreadyError(_("The fleet needs Ansible."), why, _way_to_install(find_spec("pip") is not None))
    import ansible_runner  # type: ignore[import-untyped]

    return ansible_runner


def _way_to_install(pip: bool) -> str:
    """How this installation gets Ansible; ``pip``: whether its Python has one.

    A checkout's environment gets the libraries alone: with kvmready itself it would no longer run the checkout's code.
    """
    import shlex
    import sys

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    tree = os.path.dirname(os.path.dirname(package))
    if not os.path.exists(os.path.join(tree, "ansible_collections", "kvmready", "host", "galaxy.yml")):
        return _("Install it: python3 -m pip install 'kvmready[fleet]'")
    python = sys.executable
    words = ["-m", "pip", "install", "ansible-core>=2.16", "ansible-runner>=2.4"]
    argv = [python, *words] if pip else ["python3", "-m", "pip", "--python", python, *words[2:]]
    return _("Install it: {command}").format(command=shlex.join(argv))


def collections() -> str:
    """The directory above the collection: in the package where it is installed, beside the sources in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "fleet"), os.path.dirname(os.path.dirname(package))):
        if os.path.isdir(os.path.join(folder, "ansible_collections", "kvmready", "host")):
            return folder
    raise KvmreadyError(_("This installation has no collection for Ansible: the fleet does not work from one file."))


def carry_out(task: Task, ended: Ended, known: Known) -> str:
    """Run the play. ``known`` is told the names of all hosts, once; ``ended`` each host's row and report.

    Gives Ansible's own words where it failed before any host, else an empty text. Raises KvmreadyError, and
    KeyboardInterrupt when the person stopped it.
    """
    runner = require()
    import shutil
    import tempfile

    private = tempfile.mkdtemp(prefix="kvmready-", dir=_memory())
    try:
        return _run(runner, task, private, ended, known)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _memory() -> str | None:
    """A directory of this user that is on no disk, where there is one: what is private shall not stay behind."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    return folder if folder and os.access(folder, os.W_OK) else None


def _run(runner: Any, task: Task, private: str, ended: Ended, known: Known) -> str:
    import zlib

    from kvmready.fleet import archive

    words = ["--check"] if task.dry else []
    if task.password is not None:
        words += ["--become-password-file", _place(private, "become", task.password + "\n")]
    content = archive.installed()
    program = _place(private, "kvmready.pyz", content)
    _place(private, "kvmready.pyz.z", zlib.compress(content, 4))
    variables = {"kvmready_archive": program, "kvmready_plans": dict(task.plans)}
    hosts: list[str] = []
    said: list[str] = []

    def handle(event: Mapping[str, Any]) -> bool:
        data = event.get("event_data") or {}
        if data.get("task") == play.HOSTS_TASK:
            names = (data.get("res") or {}).get("ansible_play_hosts_all")
            if names and not hosts:
                hosts.extend(map(str, names))
                known(hosts)
        elif data.get("task") == play.WORK_TASK:
            found = of_event(event)
            if found is not None:
                ended(*found)
        elif event.get("event") in ("verbose", "error", "warning") and event.get("stdout"):
            said.append(str(event["stdout"]))
        return False  # Ansible's own record of what was said need not be written

    status = runner.run(
        private_data_dir=private,
        playbook=play.document(task.action, task.options, task.batches, task.seconds, bool(task.plans)),
        inventory=list(task.inventories),
        limit=f"@{_place(private, 'hosts', _lines(task.hosts))}" if task.hosts else task.limit or None,
        forks=task.forks or None,
        extravars=variables,
        envvars=_environment(),
        cmdline=" ".join(words) or None,
        event_handler=handle,
        quiet=True,
        settings={"suppress_output_file": True},
    ).status
    if status == "canceled":
        raise KeyboardInterrupt
    return "" if hosts else "\n".join(said) or str(status)


def _lines(hosts: Sequence[str]) -> str:
    return "".join(f"{host}\n" for host in hosts)


def _place(folder: str, name: str, content: str | bytes) -> str:
    """A file that only this user can read."""
    path = os.path.join(folder, name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def _environment() -> dict[str, str]:
    """What Ansible is told beside its own settings, which count as for ``ansible-playbook`` in this directory."""
    import sys

    from ansible.config.manager import find_ini_config_file  # type: ignore[import-untyped]

    own = collections()
    others = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "~/.ansible/collections")
    here = os.path.dirname(os.path.abspath(sys.executable))
    path = os.environ.get("PATH", os.defpath)
    found = {
        # the Ansible of this Python, also where its environment is not the active one
        "PATH": f"{here}:{path}" if os.path.exists(os.path.join(here, "ansible-playbook")) else path,
        "ANSIBLE_COLLECTIONS_PATH": f"{own}:{others}",
        "ANSIBLE_NOCOLOR": "1",
    }
    file = find_ini_config_file()
    if file is not None:
        found["ANSIBLE_CONFIG"] = str(file)  # the play does not run in this directory
    if not any(name in os.environ for name in ("ANSIBLE_PIPELINING", "ANSIBLE_SSH_PIPELINING")):
        found["ANSIBLE_PIPELINING"] = "True"  # the program goes to a host in one command, not as a file in six
    if "ANSIBLE_HOST_KEY_CHECKING" not in os.environ:
        # ansible-runner would switch it off; it is on unless the person's own settings say otherwise.
        found["ANSIBLE_HOST_KEY_CHECKING"] = str(checks_host_keys(str(file) if file is not None else ""))
    return found


def checks_host_keys(file: str) -> bool:
    """Whether Ansible's settings in ``file`` have it look at the keys of hosts: yes, where nothing is said."""
    import configparser

    settings = configparser.ConfigParser(interpolation=None, strict=False)
    settings.read(file or os.devnull, encoding="utf-8")
    told = [settings.get(part, "host_key_checking", fallback="yes") for part in ("defaults", "ssh_connection")]
    return not any(word.strip().lower() in ("no", "false", "f", "n", "0", "off") for word in told)
