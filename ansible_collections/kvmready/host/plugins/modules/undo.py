# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: undo
short_description: Take back what kvmready changed on a machine
description:
  - Restores what was there before a run, its last step first. Without a run to take back nothing is changed.
version_added: 0.1.0
extends_documentation_fragment:
  - kvmready.host.host
options:
  run:
    description:
      - The id of the run. Without it the last one that is not undone.
    type: str
  force:
    description:
      - Undo although guests are defined on the host.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details: The result is the list of steps that would be taken back.
  diff_mode:
    support: full
    details: The steps that are taken back.
seealso:
  - module: kvmready.host.up
"""

EXAMPLES = r"""
- name: As it was before
  kvmready.host.undo:
  become: true
"""

RETURN = r"""
outcome:
  description: How it ended, in one word. V(undone) also where there was nothing to take back.
  returned: always
  type: str
  sample: undone
run:
  description: The run that was taken back.
  returned: when there was one
  type: str
steps:
  description: The steps that were, or would be, taken back.
  returned: when there was a run
  type: list
  elements: str
stays:
  description: A sentence for each thing that could not be taken back.
  returned: when a run was taken back
  type: list
  elements: str
"""
