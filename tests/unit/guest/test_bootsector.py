"""The disk image: its layout, what it refuses, and the number that its guest must find."""

from __future__ import annotations

import pytest

from kvmready.guest import bootsector, code

NONCE = "0123456789abcdef"
KEY = 0xDEADBEEF


def test_image_holds_sector_nonce_key_and_nothing_else() -> None:
    image = bootsector.image(NONCE, KEY)
    assert len(image) == bootsector.MINIMUM_SIZE
    assert image[510:512] == b"\x55\xaa"
    assert image[0x1A0:0x1B0] == NONCE.encode()
    assert image[0x1B0:0x1B4] == b"\xef\xbe\xad\xde"
    assert image[0x1B4] == 0
    assert image[:0x1A0] == code.BOOT_SECTOR[:0x1A0]
    assert not any(image[512:])


def test_partition_table_stays_empty() -> None:
    assert not any(bootsector.image("f" * 16, 0xFFFFFFFF, stay=True)[0x1BE:0x1FE])


def test_stay_is_the_only_difference() -> None:
    gone, stays = bootsector.image(NONCE, KEY), bootsector.image(NONCE, KEY, stay=True)
    assert [index for index in range(512) if gone[index] != stays[index]] == [bootsector.COMMAND_OFFSET]


def test_size() -> None:
    assert len(bootsector.image(NONCE, KEY, 3 << 20)) == 3 << 20
    for size in (0, 512, (1 << 20) - 512, (1 << 20) + 1):
        with pytest.raises(ValueError, match="size"):
            bootsector.image(NONCE, KEY, size)


@pytest.mark.parametrize("nonce", ["", "0" * 15, "0" * 17, "0123456789ABCDEF", "0123456789abcde\n", "０" * 16])
def test_bad_nonce(nonce: str) -> None:
    with pytest.raises(ValueError, match="nonce"):
        bootsector.image(nonce, KEY)
    with pytest.raises(ValueError, match="nonce"):
        bootsector.expected_mix(nonce, KEY)


@pytest.mark.parametrize("key", [-1, 1 << 32])
def test_bad_key(key: int) -> None:
    with pytest.raises(ValueError, match="key"):
        bootsector.image(NONCE, key)


@pytest.mark.parametrize("key", [0x811C9DC5, 0, KEY])
def test_mix_is_fnv_1a_from_the_key(key: int) -> None:
    mix = key
    for digit in NONCE:
        mix ^= ord(digit)
        # The prime 0x01000193, written as the FNV authors' sum of shifts.
        mix = mix + (mix << 1) + (mix << 4) + (mix << 7) + (mix << 8) + (mix << 24) & 0xFFFFFFFF
    assert bootsector.expected_mix(NONCE, key) == mix


def test_mix_depends_on_each_digit_and_on_the_key() -> None:
    mixes = {bootsector.expected_mix(NONCE, key) for key in (0, 1, KEY, 0xFFFFFFFF)}
    mixes |= {bootsector.expected_mix(NONCE[:at] + "0" + NONCE[at + 1 :], KEY) for at in range(1, 16)}
    assert len(mixes) == 4 + 15


def test_expected_witness() -> None:
    mix = bootsector.expected_mix(NONCE, KEY)
    assert bootsector.expected_witness(NONCE, KEY, "KVMKVMKVM") == f"KVMREADY1 {NONCE} {mix:08x} KVMKVMKVM"
