"""The profiles desktop and web on fresh Debian hosts at native speed: real packages, real windows, a real page.

KVM is out of reach there and emulation is accepted. Each host is taken back at the end.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmready.proof import picture
from tests.vm import snapshot
from tests.vm.lab import extra, needs, nspawn, recipe
from tests.vm.lab.nspawn import Container
from tests.vm.product import OURS, kvmready, look, place, report

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]

PACKAGES = ("virt-manager", "virt-viewer", "xvfb", "cockpit", "cockpit-machines")
WORDS = ("--user", "alice", "--accel", "tcg", "--format", "json")


@pytest.fixture(scope="module", params=[recipe.BOOKWORM], ids=lambda suite: suite.codename)
def host(request: pytest.FixtureRequest) -> Iterator[Container]:
    reason = needs.why_not("nspawn")
    if reason:
        pytest.skip(reason)
    trees = extra.offering(request.param, PACKAGES)
    with nspawn.start(f"profiles-{request.param.codename}", trees, kvm="absent") as container:
        place(container)
        assert kvmready(container, "--version").status == 0  # makes the environment, with python3-venv
        yield container


@pytest.fixture(scope="module")
def before(host: Container) -> dict[str, Any]:
    return look(host)


def parts(document: dict[str, Any], name: str) -> dict[str, str]:
    return {step["id"]: step["status"] for step in document["proof"]["steps"] if step["id"].startswith(f"{name}.")}


def evidence(document: dict[str, Any], step: str) -> str:
    found = next(one for one in document["proof"]["steps"] if one["id"] == step)
    return "\n".join(f"{seen['source']}: {seen['text']}" for seen in found["evidence"])


def test_up_makes_a_desktop_and_opens_its_windows(host: Container, before: dict[str, Any]) -> None:
    done = kvmready(host, "up", "--yes", "--profile", "desktop", *WORDS)
    document = report(done)
    assert document["proof"]["ok"], document["proof"]
    assert done.status == 0, document["root_causes"]
    steps = ("display", "guest", "virt-manager", "virt-viewer", "screenshot", "remove")
    assert parts(document, "desktop") == {f"desktop.{name}": "pass" for name in steps}
    assert "lists QEMU/KVM, kvmready-proof-" in evidence(document, "desktop.virt-manager")
    file = document["proof"]["screenshot"]
    assert file == f"/var/lib/kvmready/runs/{document['run']['id']}/desktop.png"
    assert host.run(["stat", "-c", "%U %a", file]).stdout == "root 600\n"
    coded = host.run(["base64", file]).check().stdout
    kept = picture.from_file(base64.b64decode(coded))
    assert kept is not None and kept.width > 1000
    if os.environ.get("KVMREADY_PICTURE"):  # for the documentation
        Path(os.environ["KVMREADY_PICTURE"]).write_bytes(base64.b64decode(coded))
    left = host.run(["sh", "-c", "ls -d /tmp/kvmready* /tmp/.X*-lock; pgrep -a 'Xvfb|virt-manager|virt-viewer'"])
    assert left.stdout == ""


def test_alice_proves_it_without_root_and_names_the_file(host: Container) -> None:
    words = ("--profile", "desktop", "--accel", "tcg", "--format", "json")
    proved = report(kvmready(host, "prove", *words, user="alice"))["proof"]
    assert proved["ok"], proved
    assert proved["screenshot"] == "/home/alice/.local/state/kvmready/desktop.png"
    assert host.run(["stat", "-c", "%U %a", proved["screenshot"]]).stdout == "alice 600\n"
    host.run(["rm", "-r", "/home/alice/.local"]).check()
    elsewhere = report(kvmready(host, "prove", *words, "--screenshot", "/home/alice/seen.png", user="alice"))["proof"]
    assert elsewhere["screenshot"] == "/home/alice/seen.png"
    host.run(["rm", "/home/alice/seen.png"]).check()


def test_undo_takes_the_desktop_away(host: Container, before: dict[str, Any]) -> None:
    undone = kvmready(host, "undo", "--yes")
    assert undone.status == 0, undone
    left = snapshot.differences(before, look(host), OURS)
    assert left == [], "\n".join(left)


def test_up_makes_a_web_console_whose_page_answers(host: Container, before: dict[str, Any]) -> None:
    done = kvmready(host, "up", "--yes", "--profile", "web", *WORDS)
    document = report(done)
    assert document["proof"]["ok"], document["proof"]
    assert done.status == 0, document["root_causes"]
    assert parts(document, "web") == {f"web.{name}": "pass" for name in ("socket", "page", "machines")}
    assert "status 200" in evidence(document, "web.page")
    assert "machines" in evidence(document, "web.machines")


def test_a_page_that_does_not_come_is_a_cause(host: Container) -> None:
    words = ("prove", "--profile", "web", "--user", "alice", "--accel", "tcg", "--format", "json")
    host.run(["systemctl", "stop", "cockpit.socket"]).check()
    stopped = report(kvmready(host, *words))["proof"]
    assert [(s["id"], s["cause"]) for s in stopped["steps"] if s["status"] == "fail"] == [
        ("web.socket", "tools.not-listening")
    ]
    host.run(["systemctl", "start", "cockpit.socket"]).check()
    host.run(["chmod", "-x", "/usr/lib/cockpit/cockpit-tls"]).check()
    broken = report(kvmready(host, *words))["proof"]
    assert [(s["id"], s["cause"]) for s in broken["steps"] if s["status"] == "fail"] == [
        ("web.page", "tools.not-answering")
    ]
    host.run(["chmod", "+x", "/usr/lib/cockpit/cockpit-tls"]).check()


def test_undo_takes_the_web_console_away(host: Container, before: dict[str, Any]) -> None:
    undone = kvmready(host, "undo", "--yes")
    assert undone.status == 0, undone
    left = snapshot.differences(before, look(host), OURS)
    assert left == [], "\n".join(left)
