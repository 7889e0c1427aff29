"""A person's machine with Ansible on it: an inventory of hosts of the lab, their keys, and what is called there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kvmready.fleet import archive, records
from tests.vm.product import ROOT, Host


class Controller:
    """``hosts`` by their names in the inventory, reached as bob, who may use sudo; those of ``away`` do not exist.

    ``folder`` is for files of this controller, and its home.
    """

    def __init__(self, folder: Path, hosts: Mapping[str, Host], away: Sequence[str] = ()) -> None:
        self.folder = folder
        self.inventory = str(folder / "hosts.ini")
        keys = {name: host.read("/etc/ssh/ssh_host_ed25519_key.pub") for name, host in hosts.items()}
        known = "".join(f"{_place(host)} {keys[name]}" for name, host in hosts.items())
        (folder / "known_hosts").write_text(known)
        lines = [f"{name} ansible_host=127.0.0.1 ansible_port=1" for name in away]
        lines += [
            f"{name} ansible_host={host.address} ansible_port={host.port} ansible_ssh_private_key_file={host.key}"
            for name, host in hosts.items()
        ]
        checked = f"-o UserKnownHostsFile={folder}/known_hosts -o HostKeyAlgorithms=ssh-ed25519"
        lines += ["", "[all:vars]", f"ansible_ssh_common_args={checked}"]
        (folder / "hosts.ini").write_text("".join(f"{line}\n" for line in lines))

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        more = {"HOME": str(self.folder), "PYTHONPATH": str(ROOT / "src"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT)}
        who = {"ANSIBLE_REMOTE_USER": "bob", "ANSIBLE_TIMEOUT": "60"}  # sshd and sudo take their time on a busy machine
        return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "COLUMNS": "100", **more, **who}

    def argv(self, *words: str) -> list[str]:
        asks = () if words[0] in ("report", "diff") else ("-i", self.inventory)
        return [sys.executable, "-m", "kvmready", "fleet", *words, *asks]

    def kvmready(
        self, *words: str, timeout: float = 600, more: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Run a fleet's command to its end; ``more`` is added to its environment."""
        return subprocess.run(
            self.argv(*words),
            env={**self.environment, **more},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """The same in a session of its own; what it says is kept by ``communicate``."""
        return subprocess.Popen(
            self.argv(*words),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def playbook(self, host: str, task: dict[str, Any], *words: str) -> dict[str, Any]:
        """Carry out a task on a host as a person would who has Ansible; its result, whole."""
        there = self.folder / "result.json"
        keep = {"content": "{{ result | to_json }}", "dest": str(there), "mode": "0600"}
        tasks = [
            {**task, "register": "result", "ignore_errors": True},
            {
                "ansible.builtin.copy": keep,
                "delegate_to": "localhost",
                "become": False,
                "check_mode": False,
                "diff": False,
            },
        ]
        file = self.folder / "play.yml"
        file.write_text(json.dumps([{"hosts": host, "gather_facts": False, "become": True, "tasks": tasks}]))
        there.unlink(missing_ok=True)
        done = self.ansible(str(file), *words)
        assert there.exists(), done
        result: dict[str, Any] = json.loads(there.read_text())
        return result

    def ansible(self, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook."""
        argv = ["ansible-playbook", "-i", self.inventory, *words]
        return subprocess.run(
            argv, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout
        )

    def example(self, host: str, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run the example playbook of the collection on one host; ``words`` are variables such as ``a=b``."""
        program = (sys.executable, "-m", "tools.collection", "--program-only")
        subprocess.run(program, cwd=ROOT, check=True, timeout=120, capture_output=True)
        variables = [part for word in (f"kvmready_hosts={host}", *words) for part in ("-e", word)]
        return self.ansible("kvmready.host.up", *variables, timeout=timeout)

    def archive(self) -> str:
        """The program as a file, for tasks that name it."""
        path = self.folder / "kvmready.pyz"
        if not path.exists():
            path.write_bytes(archive.installed())
        return str(path)

    def run(self) -> records.Index:
        """The newest run on record."""
        return records.load(records.find(records.home({"HOME": str(self.folder)}), None))

    def rows(self) -> dict[str, str]:
        return {row.host: row.outcome for row in self.run().rows}

    def messages(self) -> dict[str, str]:
        return {row.host: row.message for row in self.run().rows}


def _place(host: Host) -> str:
    """A host as it is called in a file of known keys."""
    return host.address if host.port == 22 else f"[{host.address}]:{host.port}"
