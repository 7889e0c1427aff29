# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check
short_description: Say whether a machine is a KVM host, and what keeps it from being one
description:
  - Asks the host in nine layers, from the processor to the tools, and names the causes of what fails.
  - Changes nothing, but for the program that is brought to the host.
  - Fails where the host is not ready, unless O(require_ready=false).
version_added: 0.1.0
extends_documentation_fragment:
  - kvmready.host.host
  - kvmready.host.host.wanted
options:
  require_ready:
    description:
      - Fail where the host is not ready.
    type: bool
    default: true
  strict:
    description:
      - Warnings count as not ready.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: kvmready.host.up
"""

EXAMPLES = r"""
- name: Look whether guests can run
  kvmready.host.check:
    users: [alice]
  become: true

- name: Collect reports, whatever they say
  kvmready.host.check:
    require_ready: false
  become: true
  register: looked
"""

RETURN = r"""
outcome:
  description: How it ended, in one word.
  returned: always
  type: str
  sample: not-ready
  choices: [ready, ready-with-warnings, not-ready, no-python, no-space, privilege, failed]
causes:
  description: The root causes, in the order in which to mend them.
  returned: when the host could be asked
  type: list
  elements: str
  sample: [qemu.not-installed]
report:
  description: The whole report, C(kvmready.report/1).
  returned: when the host could be asked
  type: dict
"""
