"""The pure pieces: units, XML, paths, words."""

from __future__ import annotations

import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmready.backup import host_files, image, job, pace, place, schedule, snapshot, tree
from kvmready.backup.rewrite import Placed, rewritten
from kvmready.backup.sources import Source
from kvmready.errors import InputError
from kvmready.host.local import LocalHost

NASTY = "/x/'\"<&>\n é.qcow2"
SOURCE = Source("vda", "/x/a", "qcow2", "/x/.kvmready-1-vda.qcow2", 1, 2)
UUID = "9d6f97f9-1c38-417e-8280-31736c15f2b0"
DOMAIN = f"""<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name><uuid>{UUID}</uuid><genid>{UUID}</genid>
  <metadata><libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/x"/></metadata>
  <sysinfo type='smbios'><system><entry name='uuid'>{UUID}</entry><entry name='serial'>7</entry></system></sysinfo>
  <os><type>hvm</type><nvram template='/t'>/old/nvram</nvram></os>
  <devices>
    <disk type='block' device='disk'><driver name='qemu' type='raw' cache='none'/><source dev='/dev/vg/x'/>
      <backingStore/><target dev='vda'/></disk>
    <disk type='file' device='cdrom'><source file='/iso'/><target dev='sda'/></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>
      <target dev='vnet3'/></interface>
    <channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/target/domain-web/a'/></channel>
    <channel type='unix'><source mode='bind' path='/run/mine'/></channel>
  </devices>
</domain>"""


def test_a_definition_for_the_same_guest() -> None:
    root = ElementTree.fromstring(rewritten(DOMAIN, {"vda": Placed(NASTY, "raw")}, "/new/nvram"))
    disk = root.find("devices/disk")
    assert disk is not None and disk.get("type") == "file" and disk.find("backingStore") is None
    assert [source.attrib for source in root.findall("devices/disk/source")] == [{"file": NASTY}, {"file": "/iso"}]
    assert root.findtext("os/nvram") == "/new/nvram" and root.findtext("uuid") == UUID
    assert len(root.findall("devices/interface/mac")) == 1


def test_a_definition_for_a_new_guest() -> None:
    new = "11111111-2222-3333-4444-555555555555"
    text = rewritten(DOMAIN, {}, "", NASTY[3:], new)
    root = ElementTree.fromstring(text)
    assert root.findtext("name") == NASTY[3:] and UUID not in text and "52:54" not in text and "vnet3" not in text
    assert [entry.text for entry in root.findall("sysinfo/system/entry")] == [new, "7"]
    assert [source.get("path") for source in root.findall("devices/channel/source")] == ["/run/mine"]
    assert "<libosinfo:libosinfo" in text and root.find("genid") is not None


def test_xml_for_libvirt_is_well_formed() -> None:
    nasty = SOURCE._replace(spool=NASTY)
    root = ElementTree.fromstring(job.backup_xml([nasty], ["sda"], "kvmready-1"))
    assert root.findtext("incremental") == "kvmready-1"
    assert [disk.get("backup") for disk in root.findall("disks/disk")] == ["yes", "no"]
    target = root.find("disks/disk/target")
    assert target is not None and target.get("file") == NASTY
    assert ElementTree.fromstring(job.backup_xml([nasty], [], "")).find("incremental") is None
    assert ElementTree.fromstring(job.checkpoint_xml("a", [nasty], ["sda"])).findtext("name") == "a"
    source = ElementTree.fromstring(snapshot.snapshot_xml("a", [SOURCE], ["sda"])).find("disks/disk/source")
    assert source is not None and source.get("file") == "/x/.kvmready-1-vda.overlay"


def test_a_job_as_virsh_tells_it() -> None:
    text = "Job type:         Unbounded   \nOperation:        Backup\n"
    text += "File processed:   12.500 MiB\nFile total:       1.000 GiB\n"
    assert job.parse(text) == job.State("Unbounded", 25 << 19, 1 << 30)
    assert job.parse("Job type:         None        \n") == job.State("None", 0, 0)
    assert job.parse("") == job.State("", 0, 0)


def test_a_chain_is_one_image_that_follows_no_header() -> None:
    found = image.stack(["/b/2", "/b/1"])
    assert found["file"]["filename"] == "/b/2" and found["backing"]["file"]["filename"] == "/b/1"
    assert found["backing"]["backing"] is None
    assert image.node("/dev/vg/x", "raw")["file"]["driver"] == "host_device"


def test_the_pace_says_rate_and_what_is_left() -> None:
    said: list[str] = []
    moments = iter([0.0, 0.1, 10.0, 40.0])
    tell = pace.Pace(400 << 20, said.append, lambda: next(moments))
    for part in (0.0, 0.25, 1.0):
        tell(part)
    assert said == [
        "0 % of 400 MiB",
        "30 s left, 10.0 MiB/s, 25 % of 400 MiB",
        "0 s left, 10.0 MiB/s, 100 % of 400 MiB",
    ]
    assert [pace.span(seconds) for seconds in (89, 120, 7200)] == ["89 s", "2 min", "2.0 h"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_an_argument_of_a_unit_is_read_back(word: str) -> None:
    line = schedule.quoted(word)
    assert "\n" not in line and line[0] == line[-1] == '"'
    inner = line[1:-1].replace("%%", "%").replace("$$", "$")
    if "\\x" not in inner and word.isprintable():
        assert shlex.split(f'"{inner}"') == [word]


def test_the_units() -> None:
    text = schedule.service(("/usr/bin/kvmready", "backup", "create", "--all"), ("/usr/bin/kvmready", "100%"))
    assert 'ExecStart="/usr/bin/kvmready" "backup" "create" "--all"\nExecStart="/usr/bin/kvmready" "100%%"\n' in text
    assert "Nice=" in text and "IOSchedulingClass=idle" in text
    assert "OnCalendar=Sun 03:30\nPersistent=true\n" in schedule.timer("Sun 03:30")


@pytest.mark.parametrize(
    ("path", "fit"),
    [
        ("a.qcow2", True),
        ("../a.qcow2", False),
        ("./a.qcow2", False),
        ("missing/a.qcow2", False),
        ("link/a.qcow2", False),
        ("/etc/a.qcow2", False),
        ("/usr/share/a", False),
        ("/a", False),
        ("a", True),
        ("", False),
    ],
)
def test_where_a_disk_may_go(path: str, fit: bool, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    whole = path if path.startswith("/") else f"{tmp_path}/{path}"
    assert place.is_fit(LocalHost(), whole) is fit
    assert not place.is_fit(LocalHost(), path.lstrip("/"))


def test_a_name_as_a_part_of_a_file_name(tmp_path: Path) -> None:
    assert [place.plain(name) for name in ("web-1", "../../x", "ü", "", "-rf", ".x")] == [
        *("web-1", "_.._x", "_", "guest", "rf", "x"),
    ]
    (tmp_path / "a.img").touch()
    (tmp_path / "a-1.img").symlink_to("nowhere")
    assert place.free(LocalHost(), f"{tmp_path}/a.img") == f"{tmp_path}/a-2.img"


def test_what_is_left_out_of_the_host() -> None:
    out = [
        *("/etc/libvirt/secrets", "/etc/libvirt/secrets/x.base64", "/etc/libvirt/passwd.db", "/etc/libvirt/qemu/a.xml"),
        *("/var/lib/kvmready/backups", "/var/lib/kvmready/backups/x", "/srv/b"),
    ]
    stay = ["/etc/libvirt", "/etc/libvirt/qemu", "/etc/libvirt/qemu/networks/default.xml", "/etc/libvirt/qemu.conf"]
    assert [path for path in (*out, *stay) if host_files.left_out(path, "/srv/b")] == out
    text = b'user = "x"\n  vnc_password = "geheim"\n#spice_password="x"\nspice_password="y"'
    scrubbed = host_files.scrubbed("/etc/libvirt/qemu.conf", text)
    assert b"geheim" not in scrubbed and b'"y"' not in scrubbed and scrubbed.startswith(b'user = "x"\n')
    assert host_files.scrubbed("/etc/libvirt/other.conf", text) == text


def test_folders_as_a_tar_and_back(tmp_path: Path) -> None:
    host = LocalHost()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "ü\n").write_bytes(b"\0\xff")
    (tmp_path / "a" / "secret").write_text("no")
    packed = tree.pack(host, [f"{tmp_path}/a"], lambda path: path.endswith("secret"), {"more.xml": "<ü/>"})
    assert packed.missed == ()
    import gzip

    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(packed.content))
    found = tree.load(host, f"{tmp_path}/x.tar.gz", str(tmp_path))
    inside = f"{tmp_path}/a/b/ü\n".lstrip("/")
    assert {name: content for name, content, _mode in found} == {inside: b"\0\xff", "more.xml": "<ü/>".encode()}


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../x", "a//x"])
def test_a_tar_that_reaches_outside_is_refused(name: str, tmp_path: Path) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo(name)
        archive.addfile(info, io.BytesIO())
    with pytest.raises(InputError):
        tree.load(LocalHost(), f"{tmp_path}/x.tar.gz", str(tmp_path))
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("a")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError):
        tree.load(LocalHost(), f"{tmp_path}/x.tar.gz", str(tmp_path))
