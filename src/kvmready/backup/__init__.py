"""Backups of guests and of the host's configuration: made, listed, verified, restored, scheduled, pruned."""
