"""Checksum files in the forms that distributions publish."""

from __future__ import annotations

import pytest

from kvmready.images import checksum

TWO, FIVE = "ab" * 32, "cd" * 64
OTHER = "ef" * 32

FORMS = {
    "debian": (f"{FIVE}  debian-12-generic-amd64.qcow2\n{'0' * 128}  debian-12-generic-amd64.tar.xz\n", "sha512"),
    "ubuntu": (f"{OTHER} *x.img\n{TWO} *debian-12-generic-amd64.qcow2\n", "sha256"),
    "fedora": (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# debian-12-generic-amd64.qcow2: 567 bytes\n"
        f"SHA256 (debian-12-generic-amd64.qcow2) = {TWO}\n-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEE\n",
        "sha256",
    ),
    "rocky": (f"# x: 1 bytes\nSHA256 (debian-12-generic-amd64.qcow2) = {TWO.upper()}\n", "sha256"),
    "alpine": (f"{FIVE}\n", "sha512"),
    "coreutils": (f"{TWO}  ./debian-12-generic-amd64.qcow2\r\n", "sha256"),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read(form: str) -> None:
    text, algorithm = FORMS[form]
    assert checksum.find(text, "debian-12-generic-amd64.qcow2", algorithm) == (TWO if algorithm == "sha256" else FIVE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{TWO}  other.qcow2\n",
        f"{TWO}  debian-12-generic-amd64.qcow2.old\n",
        f"{FIVE}  debian-12-generic-amd64.qcow2\n",
        f"SHA512 (debian-12-generic-amd64.qcow2) = {FIVE}\n",
        f"SHA256 (debian-12-generic-amd64.qcow2) = {TWO[:-2]}\n",
        f"{TWO}\n{OTHER}\n",
        f"{TWO}\nand more\n",
        "<html>no such file</html>",
    ],
)
def test_what_is_not_said_is_not_found(text: str) -> None:
    assert checksum.find(text, "debian-12-generic-amd64.qcow2", "sha256") == ""


def test_the_algorithm_of_digits() -> None:
    assert [checksum.algorithm_of(digits) for digits in (TWO, FIVE, "ab", "xy" * 32, "")] == [
        "sha256", "sha512", "", "", "",
    ]  # fmt: skip
