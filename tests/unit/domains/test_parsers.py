"""What virsh prints, read: lists, definitions and statistics, with names that try to be something else."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from kvmready.domains import connection, definition, listing, stats
from kvmready.errors import WorkError
from kvmready.host.door import Result

UUID = "5b1e9c5e-0b52-4f2b-9d3e-7d2f1e4c8a01"
HOSTILE = ["-c", "--all", "a; b", "it's", 'say "x"', "名前", "  lead", "a\u2028b", "$(reboot)", UUID, "7"]

XML = """<domain type='kvm' id='3'>
  <name>it's &lt;a&gt; &amp; b</name>
  <uuid>5b1e9c5e-0b52-4f2b-9d3e-7d2f1e4c8a01</uuid>
  <title>a title</title>
  <metadata>
    <k:guest xmlns:k="urn:k"><k:volume pool="default">v</k:volume></k:guest>
  </metadata>
  <memory unit='GiB'>2</memory>
  <currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static' current='2'>4</vcpu>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/x_VARS.fd</nvram>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/srv/a &amp; b.qcow2' index='2'/>
      <backingStore type='file' index='3'>
        <format type='raw'/>
        <source file='/srv/base.img'/>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='pool/image'/><target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='volume' device='disk'>
      <driver type='raw'/><source pool='default' volume='v'/><target dev='vdc' bus='virtio'/><shareable/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:11:22:33'/><source network='default'/><target dev='vnet0'/><model type='virtio'/>
    </interface>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
  </devices>
</domain>
"""


def test_names_come_back_whole() -> None:
    text = "".join(f"{UUID} {name:<30}\n" for name in HOSTILE) + "\n"
    assert [name for _uuid, name in listing.parse(text)] == HOSTILE


def test_a_definition() -> None:
    found = definition.parse(XML)
    assert (found.name, found.uuid, found.title) == ("it's <a> & b", UUID, "a title")
    assert (found.memory, found.current_memory) == (2 << 30, 1 << 30)
    assert (found.vcpus, found.current_vcpus) == (4, 2)
    assert (found.uefi, found.nvram) == (True, "/var/lib/libvirt/qemu/nvram/x_VARS.fd")
    assert found.loader == "/usr/share/OVMF/OVMF_CODE_4M.fd"
    assert found.tpm_state == f"/var/lib/libvirt/swtpm/{UUID}"
    assert [disk.target for disk in found.disks] == ["vda", "sda", "vdb", "vdc"]
    first, drive, remote, volume = found.disks
    assert first.path == "/srv/a & b.qcow2"
    assert first.backing == (definition.Image("file", "/srv/base.img", "raw"),)
    assert (drive.image, drive.read_only, drive.device) == (None, True, "cdrom")
    assert remote.image == definition.Image("network", "rbd:pool/image", "")
    assert volume.image == definition.Image("volume", "default/v", "raw")
    assert volume.shareable
    assert found.image_paths() == ("/srv/a & b.qcow2", "/srv/base.img")
    assert found.interfaces == (definition.Interface("network", "default", "52:54:00:11:22:33", "virtio", "vnet0"),)
    assert list(found.metadata) == ["{urn:k}guest"]


def test_nvram_in_the_newer_form() -> None:
    text = XML.replace(
        "<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/x_VARS.fd</nvram>",
        "<nvram type='file'><source file='/n.fd'/></nvram>",
    )
    assert definition.parse(text).nvram == "/n.fd"


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE d [<!ENTITY e 'x'>]><domain><name>&e;</name></domain>",
        "<domain><name>&e;</name></domain>",
        "<domain>",
        "",
    ],
)
def test_what_libvirt_never_writes_is_refused(text: str) -> None:
    with pytest.raises(WorkError):
        definition.parse(text)


def test_statistics() -> None:
    text = "".join(
        f"Domain: '{name}'\n"
        "  state.state=1\n  state.reason=1\n  cpu.time=5000\n  cpu.user=1\n"
        "  balloon.current=1024\n  balloon.maximum=2048\n  balloon.rss=3\n"
        "  vcpu.current=2\n  vcpu.maximum=4\n  vcpu.0.time=100\n  vcpu.1.time=11\n  vcpu.0.wait=7\n  vcpu.1.wait=1\n"
        "  net.count=1\n  net.0.name=vnet0\n  net.0.rx.bytes=10\n  net.0.tx.bytes=20\n"
        "  block.count=2\n  block.0.name=vda\n  block.0.path=/a=b\n  block.0.rd.bytes=1\n  block.1.rd.bytes=2\n"
        "  block.0.wr.bytes=4\n  block.10.wr.bytes=8\n\n"
        for name in HOSTILE
    )
    found = stats.parse(text)
    assert [sample.name for sample in found] == HOSTILE
    assert found[0] == stats.Sample(
        "-c", "running", 5000, 2, 111, 8, None, 1 << 20, 2 << 20, None, 3072, 3, 12, 10, 20, True
    )


def test_statistics_of_a_guest_that_tells_little() -> None:
    assert stats.parse("Domain: 'x'\n  state.state=5\n")[0].cpu is None
    assert stats.parse("") == ()


@given(st.text())
def test_statistics_never_raise(text: str) -> None:
    stats.parse(text)
    listing.parse(text)


def said(out: str, err: str, problem: str = "") -> list[connection.Answer]:
    return connection._answers(Result((), 0, out, err, problem), 2, "@@m:")


def test_answers_are_told_apart() -> None:
    whole = said(
        "@@m:0@@one @@m:7@@\n@@m:1@@two\n@@m:2@@", "error: @@m:0@@\nerror: @@m:1@@\nerror: no\nerror: @@m:2@@\n"
    )
    assert whole == [connection.Answer("one @@m:7@@\n", "", True), connection.Answer("two\n", "no", True)]
    assert [answer.ok for answer in whole] == [True, False]
    broken = said("@@m:0@@one\n@@m:1@@tw", "error: @@m:0@@\nerror: @@m:1@@\n", "timeout")
    assert [answer.complete for answer in broken] == [True, False]
    assert [answer.complete for answer in said("", "error: cannot connect")] == [False, False]
