# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: up
short_description: Make a machine a KVM host and prove it by running a guest
description:
  - Looks what is missing, does just that, and runs a guest through the same path as the users' guests.
  - The work is a job of the host's own. When the connection is lost it goes on; a later run joins it, or carries on
    from its journal after a crash or a reboot.
  - M(kvmready.host.undo) takes it back.
version_added: 0.1.0
extends_documentation_fragment:
  - kvmready.host.host
  - kvmready.host.host.wanted
options:
  plan:
    description:
      - The id of the plan that was approved. The task fails, and changes nothing, where the host needs another one.
      - With an empty text a host that needs a plan only tells it, as in check mode; one that needs none is proven.
    type: str
  strict:
    description:
      - Warnings count as not ready.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: The result is the plan, C(report.plan), and C(changed) says whether it has steps.
  diff_mode:
    support: full
    details: In check mode the commands that would run, else those that ran.
seealso:
  - module: kvmready.host.check
  - module: kvmready.host.undo
"""

EXAMPLES = r"""
- name: A KVM host for alice and bob
  kvmready.host.up:
    profile: server
    users: [alice, bob]
    network:
      subnet: 192.168.150.0/24
  become: true
"""

RETURN = r"""
outcome:
  description: How it ended, in one word.
  returned: always
  type: str
  sample: ready
  choices: [ready, ready-with-warnings, not-ready, no-python, no-space, privilege, failed, gave-up-waiting]
causes:
  description: The root causes that are left, in the order in which to mend them.
  returned: when the host could be asked
  type: list
  elements: str
report:
  description: The whole report, C(kvmready.report/1), with the run and the proof.
  returned: when the work ended with one
  type: dict
joined:
  description: Whether work was joined that was going on already.
  returned: when work was done
  type: bool
"""
