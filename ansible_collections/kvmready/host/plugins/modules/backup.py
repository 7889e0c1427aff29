# Copyright: the kvmready authors
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Back up the guests of a machine, running or not
description:
  - Saves the definition and the disks of guests, and the configuration of the host, in a directory of the host.
  - Guests that run go on running. Each is saved by itself, so that one that fails does not cost the others theirs.
  - The work is a job of the host's own, which goes on when the connection is lost; a later run joins it.
  - Every run makes a new backup. Old ones are deleted where O(keep_daily) or O(keep_weekly) is given, and only after
    all that was asked for has been saved.
version_added: 0.1.0
extends_documentation_fragment:
  - kvmready.host.host
options:
  names:
    description:
      - The guests, by name or UUID. Say either this or O(all).
    type: list
    elements: str
  all:
    description:
      - Back up all guests of the host.
    type: bool
  to:
    description:
      - The absolute path of the directory that holds the backups. Nobody but root may write there.
    type: path
    default: /var/lib/kvmready/backups
  incremental:
    description:
      - Save what changed since the last backup, where the disks allow it.
    type: bool
    default: false
  method:
    description:
      - How guests that run are read. V(job) is libvirt's backup job, V(snapshot) an external snapshot, and V(auto) the
        first of them that works.
    type: str
    choices: [auto, job, snapshot]
    default: auto
  keep_daily:
    description:
      - The number of days of which the last backup stays. With O(keep_weekly) alone it is 0.
      - The last good backup of a guest is never deleted.
    type: int
  keep_weekly:
    description:
      - The number of weeks of which the last backup stays. With O(keep_daily) alone it is 0.
    type: int
attributes:
  check_mode:
    support: full
    details: The result tells what would be saved, and what of the backups that are there now would be deleted.
  diff_mode:
    support: full
    details: The backups that are made, or in check mode the disks that would be saved, and the ids that are deleted.
seealso:
  - module: kvmready.host.up
"""

EXAMPLES = r"""
- name: All guests, every night, a week of days and a month of weeks
  kvmready.host.backup:
    all: true
    incremental: true
    keep_daily: 7
    keep_weekly: 4
  become: true

- name: Two guests before they are changed
  kvmready.host.backup:
    names: [web, db]
    to: /srv/before-the-change
  become: true
  register: saved

- name: Where they are
  ansible.builtin.debug:
    msg: "{{ saved.backups | selectattr('ok') | map(attribute='manifest') }}"
"""

RETURN = r"""
outcome:
  description: How it ended, in one word. V(saved) where all that was asked for was saved.
  returned: always
  type: str
  sample: saved
  choices: [saved, planned, no-python, no-space, privilege, failed, gave-up-waiting]
backups:
  description:
    - One for each guest, and one with an empty name for the configuration of the host.
    - In check mode the guests alone, as they would be saved.
  returned: when the host could be asked
  type: list
  elements: dict
  contains:
    name:
      description: The name of the guest.
      type: str
    ok:
      description: Whether it was, or can be, saved.
      type: bool
    error:
      description: Why not.
      type: str
    id:
      description: The id of the backup.
      returned: when it was saved
      type: str
    manifest:
      description: The path of its manifest on the host.
      returned: when it was saved
      type: str
      sample: /var/lib/kvmready/backups/20260102T030405Z-0a1b2c3d/manifest.json
    folder:
      description: The directory of the manifest.
      returned: when it was saved
      type: str
    level:
      description: V(full) or V(incremental).
      returned: when it was, or can be, saved
      type: str
    method:
      description: How the disks were, or would be, read.
      returned: when it was, or can be, saved
      type: str
    size:
      description: Bytes of the backup; in check mode those that would be read.
      returned: when it was, or can be, saved
      type: int
    disks:
      description: The disks that would be saved, each with C(target), C(path) and C(format).
      returned: in check mode
      type: list
      elements: dict
    files:
      description: The files of the backup beside its manifest.
      returned: when it was saved
      type: list
      elements: dict
      contains:
        path:
          description: The name of the file in the directory.
          type: str
        size:
          description: Its size in bytes.
          type: int
        sha256:
          description: Its SHA-256.
          type: str
    left_out:
      description: A sentence for each thing that the backup does not hold.
      returned: when it was, or can be, saved
      type: list
      elements: str
removed:
  description: The ids of the backups that were, or would be, deleted.
  returned: when the host could be asked
  type: list
  elements: str
joined:
  description: Whether work was joined that was going on already.
  returned: when work was done
  type: bool
"""
