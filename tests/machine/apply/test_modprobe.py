"""Lines of a modprobe.d file become comments, on a real file, and come back byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmready.errors import WorkError
from kvmready.host.local import LocalHost
from kvmready.plan import modprobe
from kvmready.plan.step import Step
from tests.machine.apply.files import picture

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may change a host"),
]

TEXT = b"# VirtualBox \xc3\xbc\r\nblacklist kvm\n\tblacklist kvm_amd  \n\ninstall kvm_amd /bin/false"


def step(path: Path, *lines: str) -> Step:
    return Step("kernel.blacklist.x", "modprobe", "kernel", "", (), {"path": str(path), "lines": list(lines)})


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "vbox.conf"
    path.write_bytes(TEXT)
    path.chmod(0o604)
    os.chown(path, 1234, 4321)
    return path


def test_the_file_comes_back_byte_for_byte(conf: Path) -> None:
    host, work = LocalHost(), step(conf, "blacklist kvm_amd", "install kvm_amd /bin/false")
    before = picture(conf.parent)
    assert not modprobe.done(host, work)
    former = modprobe.former(host, work)
    modprobe.apply(host, work, print)
    assert modprobe.done(host, work)
    assert conf.read_bytes() == (
        b"# VirtualBox \xc3\xbc\r\nblacklist kvm\n# Switched off by kvmready: blacklist kvm_amd  \n\n"
        b"# Switched off by kvmready: install kvm_amd /bin/false"
    )
    assert conf.stat().st_mode & 0o7777 == 0o604 and conf.stat().st_uid == 1234
    assert modprobe.undo(host, work, former, print) == ()
    assert picture(conf.parent) == before
    assert modprobe.undo(host, work, former, print) == ()


def test_a_file_that_somebody_changed_since_stays(conf: Path) -> None:
    host, work = LocalHost(), step(conf, "blacklist kvm_amd")
    former = modprobe.former(host, work)
    modprobe.apply(host, work, print)
    conf.write_bytes(conf.read_bytes() + b"\n# mine\n")
    after = picture(conf.parent)
    assert len(modprobe.undo(host, work, former, print)) == 1
    assert picture(conf.parent) == after


def test_what_is_not_understood_is_refused_before_anything_is_written(conf: Path) -> None:
    host = LocalHost()
    conf.write_bytes(b"install x \\\nblacklist kvm_amd\n")
    with pytest.raises(WorkError, match="does not understand"):
        modprobe.former(host, step(conf, "blacklist kvm_amd"))
    conf.write_bytes(b"blacklist kvm_amd\xff\n")
    with pytest.raises(WorkError):
        modprobe.former(host, step(conf, "blacklist kvm_amd"))
    link = conf.parent / "link.conf"
    link.symlink_to(conf)
    with pytest.raises(WorkError):
        modprobe.former(host, step(link, "blacklist kvm_amd"))


def test_a_file_that_is_gone_needs_nothing(tmp_path: Path) -> None:
    host, work = LocalHost(), step(tmp_path / "gone.conf", "blacklist kvm_amd")
    assert modprobe.done(host, work)
    assert modprobe.undo(host, work, modprobe.former(host, work), print) == ()
