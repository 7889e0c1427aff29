"""The machine code of our guests, as bytes; the listing of the same name (`*.s`) is its source.

A test assembles each listing and compares.  To change one: edit the listing, assemble it with the
commands in its head, and put the bytes here.
"""

from __future__ import annotations

REAL_MODE = bytes.fromhex("01d8e710f4")
"""real_mode.s: 16-bit, loaded at any paragraph."""

LONG_MODE = bytes.fromhex("4889c1480fafc34801c8e71048c1e820e710f4")
"""long_mode.s: 64-bit, position-independent."""

EXIT_LOOP = bytes.fromhex("e610ffc975faf4")
"""exit_loop.s: 64-bit, position-independent."""

COMPUTE_LOOP = bytes.fromhex("48b92d7f954c2df451584889f0480fafc14801f848ffcf75f4c3f4")
"""compute_loop.s: 64-bit System V function; its last byte is the HLT that a guest returns to."""

BOOT_SECTOR = (
    bytes.fromhex(
        "ea057c0000fa31c08ed88ec08ed0bc007cfbfc52bf007eb90002f3abbf007ebe047de89600bea07db91000f3a4b020aa"
        "66a1b07dbea07db91000660fb614466631d06669c093010001e2efe87600b020aa66b8010000000fa2660fbae11f7205"
        "b02daaeb1d66b8000000400fa266891e008066890e04806689160880be0080e83900e856005abe197db80043cd1388e0"
        "660fb6c072036631c0bf0080be0f7d6650e817006658e81b00e82f00803eb47d017404b0fee664faf4ebfcac84c07403"
        "aaebf8c3b9080066c1c00450240f3c0a720204270430aa58e2edc3b80d0aab89f989fe81e600fe29f1ace6e95186c4ba"
        "fd03b90010eca820e1fb5986c4baf803eee2e6c34b564d52454144593120004b564d4449534b31200010000100007e00"
        "0001"
    ).ljust(0x1A0, b"\0")
    + b"0" * 16
    + bytes(0x1FE - 0x1B0)
    + b"\x55\xaa"
)
"""boot_sector.s: 512 bytes, loaded at 0x7c00; the data area is still to be patched (bootsector.py)."""
