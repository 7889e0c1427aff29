"""The private libvirtd of the proofs, and a libvirt of ours inside of it."""

from __future__ import annotations

from tests.machine.proof.conftest import stack  # noqa: F401
