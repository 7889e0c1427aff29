"""The private libvirtd of the proofs, with kvmready in it."""

from __future__ import annotations

from tests.machine.proof.conftest import stack  # noqa: F401
