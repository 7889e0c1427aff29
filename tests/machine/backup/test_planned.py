"""What a backup would save is told without making anything, and is what it then saves."""

from __future__ import annotations

from tests.machine.backup.conftest import BACKUPS, IMAGES, STATE, Host

HERE = f"{IMAGES}/here.qcow2"
THERE = f"{IMAGES}/there.raw"


def test_a_dry_run_tells_what_will_be_saved_and_makes_nothing(host: Host) -> None:
    off = host.guest("off", (host.disk(HERE, 16), "qcow2"))
    running = host.guest("running", (host.disk(THERE, 16, "raw"), "raw"), start=True)
    host.guest("idle")
    host.run("rmdir", BACKUPS)
    told = host.json("create", "off", running, "off", "--dry-run", "--to", BACKUPS)
    assert told["schema"] == "kvmready.backup-planned/1" and told["folder"] == BACKUPS
    assert [(one["name"], one["method"], one["ok"]) for one in told["guests"]] == [
        ("off", "offline", True),
        ("running", "job", True),
    ]
    assert [disk["path"] for one in told["guests"] for disk in one["disks"]] == [HERE, THERE]
    assert all(12 << 20 <= one["size"] <= 17 << 20 for one in told["guests"])
    assert host.stack.run(("test", "-e", BACKUPS)).returncode == 1
    assert "backup.lock" not in host.run("ls", "-A", str(STATE)).split()
    made = host.json("create", "off", running, "off", "--to", BACKUPS)["guests"]
    assert [(one["name"], one["backup"]["method"]) for one in made[:2]] == [("off", "offline"), ("running", "job")]
    assert made[0]["backup"]["uuid"] == off and made[2]["name"] == "" and len(made) == 3
    said = host.backup("create", "--all", "--dry-run", "--to", BACKUPS).stdout
    assert "up to 12" in said and HERE in said and "the host's configuration" in said
    again = host.json("create", running, "--incremental", "--dry-run", "--to", BACKUPS)["guests"][0]
    assert again["level"] == "full", "a raw disk takes no increments"
    assert [one["name"] for one in host.listed()] == ["off", "running", ""]


def test_a_dry_run_tells_of_what_cannot_be_saved(host: Host) -> None:
    host.guest("lost", (f"{IMAGES}/lost.qcow2", "qcow2"))
    host.guest("whole", (host.disk(HERE, 16), "qcow2"))
    told = host.json("create", "--all", "--dry-run", "--to", BACKUPS, status=1)["guests"]
    assert [(one["name"], one["ok"]) for one in told] == [("lost", False), ("whole", True)]
    assert "lost.qcow2" in told[0]["error"]
    wrong = host.backup("create", "whole", "nobody", "--dry-run", "--to", BACKUPS)
    assert wrong.returncode == 2 and "'nobody'" in wrong.stderr
