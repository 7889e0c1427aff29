"""The only room that touches a machine: one protocol (``door``), and a local, a recording and a replaying host."""
