"""Faults of the kernel's layer on a real Debian 12: broken, found, mended by ``up``, and taken back by ``undo``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.vm import product
from tests.vm.lab.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]


class Fault(NamedTuple):
    """How a host is broken, what is found, and a script that must say the same after an undo as before ``up``."""

    name: str
    break_it: str
    cause: str
    step: str
    state: str
    options: tuple[str, ...] = ("--profile", "minimal")
    clean: str = ""


VBOX = "/etc/modprobe.d/vbox.conf"
RULES = "/etc/udev/rules.d/50-udev-default.rules"
NODE = "stat -c '%U:%G %a %t:%T' /dev/kvm"
FAULTS = (
    Fault(
        "blacklist",
        rf"printf '# VirtualBox\nblacklist kvm_amd\ninstall kvm_amd /bin/false' > {VBOX}; chmod 640 {VBOX}; "
        "modprobe -r kvm_amd",
        "kernel.module-blacklisted",
        "kernel.blacklist.vbox.conf",
        f"sha256sum {VBOX}; stat -c '%a %u' {VBOX}; lsmod | grep -c ^kvm || true",
        clean=f"rm {VBOX}; modprobe kvm_amd",
    ),
    Fault(
        "nested",
        "modprobe -r kvm_amd; modprobe kvm_amd nested=0",
        "kernel.nested-disabled",
        "kernel.nested",
        "cat /sys/module/kvm_amd/parameters/nested; ls -A /etc/modprobe.d",
        ("--profile", "minimal", "--nested"),
    ),
    Fault("node removed", "rm /dev/kvm", "kernel.device-missing", "kernel.kvm-device", "true"),
    Fault(
        "rule gone",
        f"""sed '/KERNEL=="kvm"/d' /usr/lib/udev/rules.d/50-udev-default.rules > {RULES}; udevadm control --reload; """
        "chown root:root /dev/kvm; chmod 600 /dev/kvm",
        "kernel.device-permissions",
        "kernel.kvm-rule",
        f"{NODE}; ls -A /etc/udev/rules.d",
        clean=f"rm {RULES}; udevadm control --reload; udevadm trigger --settle --action=add --sysname-match=kvm",
    ),
)


@pytest.fixture(scope="module")
def host(ready_vm: Machine) -> Iterator[Machine]:
    product.place(ready_vm)
    ready_vm.run(["usermod", "-aG", "kvm", "alice"]).check()
    yield ready_vm


def script(host: Machine, text: str) -> str:
    return host.run(["sh", "-c", text]).check().stdout


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_is_found_mended_and_taken_back(host: Machine, fault: Fault) -> None:
    words = ("--user", "alice", *fault.options, "--format", "json")
    script(host, fault.break_it)
    before = script(host, fault.state)
    found = product.report(product.kvmready(host, "check", *words))
    assert product.causes(found) == [fault.cause]
    assert found["root_causes"][0]["remedy"]["kind"] == "automatic"

    done = product.kvmready(host, "up", "--yes", *words)
    assert done.status == 0, done.stdout + done.stderr
    report = product.report(done)
    assert report["proof"] is not None and product.causes(report) == []
    assert fault.step in [step["id"] for step in report["run"]["steps"]]
    assert script(host, NODE) == "root:kvm 660 a:e8\n"

    product.kvmready(host, "undo", "--yes").check()
    assert script(host, fault.state) == before
    if fault.clean:
        script(host, fault.clean)
    assert (
        product.causes(
            product.report(
                product.kvmready(host, "check", "--user", "alice", "--profile", "minimal", "--format", "json")
            )
        )
        == []
    )
