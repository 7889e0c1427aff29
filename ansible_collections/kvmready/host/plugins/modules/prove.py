# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove
short_description: Run a guest on a machine and judge what only that guest could have written
description:
  - Runs a guest of kvmready's own, as the first of O(users), and removes it again.
  - Fails where no guest proved itself.
version_added: 0.1.0
extends_documentation_fragment:
  - kvmready.host.host
  - kvmready.host.host.wanted
options:
  level:
    description:
      - V(probe) asks the kernel alone, V(qemu) runs a guest under the emulator, V(libvirt) through libvirt.
      - Without it the highest that the profile wants.
    type: str
    choices: [probe, qemu, libvirt]
attributes:
  check_mode:
    support: full
    details: No guest is run; the task is skipped.
  diff_mode:
    support: none
seealso:
  - module: kvmready.host.check
"""

EXAMPLES = r"""
- name: Run a guest as alice
  kvmready.host.prove:
    users: [alice]
  become: true
"""

RETURN = r"""
outcome:
  description: How it ended, in one word. V(ready) where a guest proved itself.
  returned: always
  type: str
  sample: ready
report:
  description: The whole report, C(kvmready.report/1), with the proof.
  returned: when the host could be asked
  type: dict
"""
