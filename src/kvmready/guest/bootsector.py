"""The disk image that a proof boots, and what its guest must answer.

The guest (`boot_sector.s`) writes one line to COM1, to port 0xe9 and into sector `WITNESS_SECTOR`::

    KVMREADY1 <nonce> <mix> <signature>\\r\\n

`nonce` is the text that `image` was given, `mix` eight lower-case hexadecimal digits, `signature` the
CPUID hypervisor signature without its NULs (`KVMKVMKVM`, `TCGTCGTCGTCG`), or `-` when the CPU shows no
hypervisor.  After it COM1 and port 0xe9 get `KVMDISK1 <status>\\r\\n`: the INT 13h status of writing the
sector, eight hexadecimal digits, 0 for success.

A guest that stays also shows its first line on a VGA text screen, and the nonce and the mix as coloured cells, which a
program can find again in a picture of that screen (`expected_cells`).
"""

from __future__ import annotations

from kvmready.guest import code

SECTOR_SIZE = 512
WITNESS_SECTOR = 1
"""LBA of the sector that holds the witness, NUL padded."""
WITNESS_OFFSET = WITNESS_SECTOR * SECTOR_SIZE
WITNESS_MAGIC = "KVMREADY1"
DISK_MAGIC = "KVMDISK1"
NONCE_OFFSET = 0x1A0
NONCE_LENGTH = 16
KEY_OFFSET = 0x1B0
COMMAND_OFFSET = 0x1B4
MINIMUM_SIZE = 1 << 20
"""Bytes.  A BIOS derives a geometry from the size, and disks of a few sectors make poor ones."""

PALETTE = (
    (0x00, 0x00, 0x00),
    (0x00, 0x00, 0xAA),
    (0x00, 0xAA, 0x00),
    (0x00, 0xAA, 0xAA),
    (0xAA, 0x00, 0x00),
    (0xAA, 0x00, 0xAA),
    (0xAA, 0x55, 0x00),
    (0xAA, 0xAA, 0xAA),
    (0x55, 0x55, 0x55),
    (0x55, 0x55, 0xFF),
    (0x55, 0xFF, 0x55),
    (0x55, 0xFF, 0xFF),
    (0xFF, 0x55, 0x55),
    (0xFF, 0x55, 0xFF),
    (0xFF, 0xFF, 0x55),
    (0xFF, 0xFF, 0xFF),
)
"""Red, green and blue of the sixteen colours of a VGA text screen."""

WHITE = 15
_FNV_PRIME = 0x01000193
_HEX_DIGITS = frozenset("0123456789abcdef")


def image(nonce: str, key: int, size: int = MINIMUM_SIZE, stay: bool = False) -> bytes:
    """A raw disk image of `size` bytes (a multiple of 512, at least `MINIMUM_SIZE`) that boots our guest.

    `nonce` is 16 lower-case hexadecimal digits, `key` an unsigned 32-bit number.  The guest resets the
    machine when it is done; with `stay` it shows its witness, halts and stays.  Raises ValueError for anything else.
    """
    _require_nonce_and_key(nonce, key)
    if size < MINIMUM_SIZE or size % SECTOR_SIZE:
        raise ValueError(f"size {size} is not a multiple of {SECTOR_SIZE} from {MINIMUM_SIZE} up")
    disk = bytearray(size)
    disk[:SECTOR_SIZE] = code.BOOT_SECTOR
    disk[NONCE_OFFSET : NONCE_OFFSET + NONCE_LENGTH] = nonce.encode("ascii")
    disk[KEY_OFFSET : KEY_OFFSET + 4] = key.to_bytes(4, "little")
    disk[COMMAND_OFFSET] = int(stay)
    return bytes(disk)


def expected_mix(nonce: str, key: int) -> int:
    """What the guest computes: 32-bit FNV-1a over the nonce's characters with `key` as the offset basis."""
    _require_nonce_and_key(nonce, key)
    mix = key
    for character in nonce.encode("ascii"):
        mix = (mix ^ character) * _FNV_PRIME & 0xFFFFFFFF
    return mix


def expected_witness(nonce: str, key: int, signature: str) -> str:
    """The whole line, without its line end, of a guest that ran under the hypervisor of that signature."""
    return f"{WITNESS_MAGIC} {nonce} {expected_mix(nonce, key):08x} {signature}"


def expected_cells(nonce: str, key: int) -> tuple[int, ...]:
    """The colours of the cells that a guest shows, from left to right: white, nonce, black, mix, white."""
    return (WHITE, *(int(digit, 16) for digit in f"{nonce}0{expected_mix(nonce, key):08x}"), WHITE)


def _require_nonce_and_key(nonce: str, key: int) -> None:
    if len(nonce) != NONCE_LENGTH or not _HEX_DIGITS.issuperset(nonce):
        raise ValueError(f"nonce {nonce!r} is not {NONCE_LENGTH} lower-case hexadecimal digits")
    if not 0 <= key < 1 << 32:
        raise ValueError(f"key {key} is not an unsigned 32-bit number")
