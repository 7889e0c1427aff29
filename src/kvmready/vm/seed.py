"""What cloud-init is told in the guest: its name, one user who may do all, and the keys of that user."""

from __future__ import annotations

from collections.abc import Sequence

SHELL = "/bin/bash"


def user_data(uuid: str, hostname: str, login: str, keys: Sequence[str], shell: str = SHELL) -> str:
    """The cloud-config. JSON is YAML, and leaves no value a way to be more than a value.

    The UUID in a comment tells whose file it is where virt-install leaves its copy behind.
    """
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
    config = {"hostname": hostname, "users": [user], "ssh_pwauth": False, "disable_root": True}
    return f"#cloud-config\n# {uuid}\n{json.dumps(config, indent=1, sort_keys=True)}\n"


def meta_data(uuid: str, hostname: str) -> str:
    import json

    return json.dumps({"instance-id": uuid, "local-hostname": hostname}) + "\n"
