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
        "ea057c0000fa31c08ed88ec08ed0bc007cfbfc52bf007eb90002f3abbf007ebe507de8e200bea07db91000f3a4b020aa"
        "66a1b07dbea07db91000660fb614466631d06669c093010001e2efe8c200b020aa66b8010000000fa2660fbae11f7205"
        "b02daaeb1d66b8000000400fa266891e008066890e04806689160880be0080e88500e8a2005abe657db80043cd1388e0"
        "660fb6c072036631c0bf0080be5b7d6650e863006658e86700e87b00803eb47d017404b0fee664b80300cd106800b807"
        "bfa200be007eb40fac3c0d7403abebf8bb840289dfbe0a7eb91900b40fe82200ac3c3976020409240f88c4e81400e2f0"
        "b40fe80d0081c3a00080ff0972d5faf4ebfcb0dbababc3ac84c07403aaebf8c3b9080066c1c00450240f3c0a72020427"
        "0430aa58e2edc3b80d0aab89f989fe81e600fe29f1ace6e95186c4bafd03b90010eca820e1fb5986c4baf803eee2e6c3"
        "4b564d52454144593120004b564d4449534b31200010000100007e000001"
    ).ljust(0x1A0, b"\0")
    + b"0" * 16
    + bytes(0x1FE - 0x1B0)
    + b"\x55\xaa"
)
"""boot_sector.s: 512 bytes, loaded at 0x7c00; the data area is still to be patched (bootsector.py)."""
