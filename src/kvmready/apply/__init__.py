"""Carries a plan out, writes down what was there before, and takes it back."""

from __future__ import annotations

STATE_DIRECTORY = "/var/lib/kvmready"
"""Where runs are journaled by default; mode 0700."""
