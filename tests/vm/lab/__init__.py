"""The lab: real, fresh Debian 12 and 13 hosts for the tests and for the developers.

From pytest use the fixtures of ``tests/vm/conftest.py``; from a shell, at the top of the tree::

    python3 -m tests.vm.lab start --name x [--no-svm] [--base fresh|ready|trixie|trixie-ready] [--kind vm|nspawn]
    python3 -m tests.vm.lab ssh x [--user alice] -- COMMAND [ARGUMENT]...
    python3 -m tests.vm.lab copy x SOURCE DESTINATION
    python3 -m tests.vm.lab stop x
    python3 -m tests.vm.lab list

Two kinds of host, with the same interface (:class:`tests.vm.lab.remote.Host`):

``vm``      QEMU under TCG whose CPU has AMD-V, so that KVM really works inside it; about ten times slower.
``nspawn``  the same Debian tree booted by systemd-nspawn at native speed, on the machine's own kernel.
"""

from __future__ import annotations
