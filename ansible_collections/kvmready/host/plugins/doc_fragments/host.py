"""What all modules of the collection take and give."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  archive:
    description:
      - The program that is brought to the host, C(kvmready.pyz), on the controller.
      - Without it the one that this collection holds in its folder C(files) is taken.
    type: path
  timeout:
    description:
      - Seconds that the work on the host may take before the task gives up waiting.
      - What M(kvmready.host.up), M(kvmready.host.undo) and M(kvmready.host.backup) began goes on; the next run
        joins it.
    type: int
    default: 7200
  reconnect:
    description:
      - Seconds for which a host may be away while work goes on there, because of a reboot or a lost connection.
    type: int
    default: 300
  lang:
    description:
      - The language of the sentences.
    type: str
    choices: [en, zh]
    default: en
attributes:
  check_mode:
    description: Can run in check_mode and say what would change.
  diff_mode:
    description: Says in diff_mode what changes.
notes:
  - The host needs Python 3.9 or newer, in any of its usual places; where there is none the result says so, with
    RV(outcome=no-python). The Python that Ansible itself found is not used, unless
    C(ansible_python_interpreter) names it.
  - The program is kept on the host, in C(/var/cache/kvmready) under its SHA-256, and brought there once for each
    version.
  - A secret is neither taken nor needed; the password of C(become) never leaves the hands of Ansible.
author:
  - the kvmready authors (@kvmready)
"""

    WANTED = r"""
options:
  profile:
    description:
      - What the host is for. V(minimal) runs a guest under QEMU, V(server) has libvirt with network and storage,
        V(desktop) and V(web) have virt-manager or the web console on top.
      - Where one of O(profile), O(users), O(nested), O(iommu), O(accel), O(network) or O(storage) is given, the file
        C(/etc/kvmready/host.toml) of the host is not read.
    type: str
    choices: [minimal, server, desktop, web]
  users:
    description:
      - Who will run guests.
    type: list
    elements: str
  nested:
    description:
      - Guests shall run guests of their own.
    type: bool
  iommu:
    description:
      - Devices shall be assigned to guests.
    type: bool
  accel:
    description:
      - V(tcg) accepts software emulation where KVM is impossible.
    type: str
    choices: [kvm, tcg]
  network:
    description:
      - The default network, where it is not defined yet.
    type: dict
    suboptions:
      subnet:
        description:
          - A private IPv4 network of 256 addresses, such as V(192.168.150.0/24).
        type: str
        required: true
  storage:
    description:
      - The default storage pool, where it is not defined yet.
    type: dict
    suboptions:
      path:
        description:
          - The absolute path of a directory, such as V(/srv/guests).
        type: path
        required: true
"""
