"""``kvmready vm`` as people without root: one who may use libvirt, and one who may not."""

from __future__ import annotations

import pytest

from tests.machine import cloudimage
from tests.vm import guests
from tests.vm.lab import needs, nspawn
from tests.vm.product import kvmready, place

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]


@pytest.mark.skipif(bool(cloudimage.missing()), reason=f"not installed: {cloudimage.missing()}")
def test_guests_of_plain_users() -> None:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    with nspawn.start("guests", "ready", kvm="absent") as host:
        place(host)
        assert kvmready(host, "--version").status == 0
        guests.place_image(host)
        assert guests.whole_life(host, "alice", "tcg", again=True) != "kvm-clock"
        for words in (("list",), ("create", "mine", "--image", guests.IMAGE, "--accel", "tcg"), ("delete", "mine")):
            refused = kvmready(host, "vm", *words, user="bob")
            assert (refused.status, refused.stdout) == (3, ""), refused
            assert "libvirt cannot be reached." in refused.stderr
            assert "kvmready explain access.not-in-libvirt-group" in refused.stderr
        assert guests.left(host, "bob") == ""
