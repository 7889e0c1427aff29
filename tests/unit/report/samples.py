"""Reports as data, for the formats: each is what ``record.build`` makes, and a test holds it to the schema."""

from __future__ import annotations

import copy
from typing import Any

LAYERS = ("hardware", "kernel", "qemu", "libvirt", "services", "network", "storage", "access", "tools")
NO_REMEDY: dict[str, Any] = {"kind": "none", "text": "", "commands": []}
MODPROBE = {"kind": "automatic", "text": "Load it now, and at every boot.", "commands": [["modprobe", "kvm_amd"]]}
INSTALL = {
    "kind": "automatic",
    "text": "Install QEMU and libvirt.",
    "commands": [
        [
            *("apt-get", "install", "--yes", "--no-install-recommends", "qemu-system-x86", "qemu-utils"),
            *("libvirt-daemon-system", "libvirt-clients", "virtinst", "dnsmasq-base"),
        ]
    ],
}
LOGIN = {"kind": "manual", "text": "Log out and in again. Until then:", "commands": [["sg", "libvirt"]]}


def finding(check: str, status: str, summary: str, *evidence: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "check": check,
        "layer": check.split(".")[0],
        "status": status,
        "summary": summary,
        "evidence": [{"source": source, "text": text} for source, text in evidence],
        "cause": more.get("cause"),
        "remedy": more.get("remedy", NO_REMEDY),
        "blocked_by": more.get("blocked_by", []),
    }


def report(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A report with these findings; ``more`` are keys of the report."""
    order = ("fail", "blocked", "unknown", "warn", "pass")
    statuses = {
        layer: next((s for s in order for f in findings if f["layer"] == layer and f["status"] == s), "skip")
        for layer in LAYERS
    }
    causes = [
        {
            "cause": f["cause"],
            "layer": f["layer"],
            "summary": f["summary"],
            "remedy": f["remedy"],
            "explains": [f["check"], *(g["check"] for g in findings if f["check"] in g["blocked_by"])],
        }
        for wanted in ("fail", "warn")
        for f in findings
        if f["status"] == wanted
    ]
    made: dict[str, Any] = {
        "schema": "kvmready.report/1",
        "version": "0.1.0",
        "taken_at": "2026-01-01T00:00:00Z",
        "host": {
            "hostname": "box",
            "arch": "x86_64",
            "kernel": "6.1.0-25-amd64",
            "os": {"id": "debian", "version_id": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
            "machine": "vm",
            "hypervisor": "kvm",
        },
        "profile": "server",
        "users": ["alice"],
        "only": None,
        "wanted": {"accel": "kvm", "nested": False, "iommu": False},
        "verdict": "ready",
        "acceleration": {"state": "native", "native_ratio": 0.97, "exit_us": {"p50": 1.2, "p99": 3.4}, "why": "…"},
        "layers": [{"id": layer, "status": statuses[layer]} for layer in LAYERS],
        "findings": list(findings),
        "root_causes": causes,
        "next": None,
        "plan": None,
        "run": None,
        "proof": None,
    }
    made.update(more)
    return copy.deepcopy(made)


PLAN: dict[str, Any] = {
    "id": "3f2a9c41d0e7" + "0" * 52,
    "profile": "server",
    "users": ["alice"],
    "steps": [
        {
            "id": "module-kvm",
            "kind": "module",
            "layer": "kernel",
            "summary": "Load kvm_amd, now and at every boot.",
            "commands": MODPROBE["commands"],
            "mends": ["kernel.module-not-loaded"],
            "note": "",
        },
        {
            "id": "packages",
            "kind": "packages",
            "layer": "qemu",
            "summary": "Install 6 packages.",
            "commands": INSTALL["commands"],
            "mends": ["qemu.not-installed"],
            "note": "The package lists stay refreshed: undo does not take that back.",
        },
    ],
}


def broken() -> dict[str, Any]:
    """A fresh host: two causes, one warning, one unknown, others blocked."""
    return report(
        finding("hardware.cpu-virtualization", "pass", "The CPU offers AMD-V.", ("/proc/cpuinfo", "flag svm")),
        finding(
            "kernel.modules",
            "fail",
            "The module kvm_amd is not loaded.",
            ("/sys/module/kvm_amd", "no such directory"),
            cause="kernel.module-not-loaded",
            remedy=MODPROBE,
        ),
        finding("kernel.kvm-device", "blocked", "/dev/kvm is missing.", blocked_by=["kernel.modules"]),
        finding("kernel.iommu", "skip", "Not needed: nobody asked for it."),
        finding(
            "qemu.emulator",
            "fail",
            "QEMU is not installed.",
            ("/usr/bin/qemu-system-x86_64", "no such file"),
            cause="qemu.not-installed",
            remedy=INSTALL,
        ),
        finding("libvirt.connect", "blocked", "libvirt could not be asked.", blocked_by=["qemu.emulator"]),
        finding(
            "network.default-network",
            "unknown",
            "libvirt did not tell the state of the default network.",
            ("virsh net-info default", "timeout"),
            remedy={"kind": "manual", "text": "Ask it by hand.", "commands": [["virsh", "net-info", "default"]]},
        ),
        finding("storage.space", "pass", "There is room for guests' disks: 76 GiB."),
        finding(
            "access.session",
            "warn",
            "alice must log in again: the running session is older than the group libvirt.",
            ("ps -u alice", "no process has the group libvirt"),
            cause="access.session-stale",
            remedy=LOGIN,
        ),
        verdict="not-ready",
        plan=PLAN,
        next={"text": "Let kvmready mend it.", "command": ["kvmready", "up"]},
    )


def proven(accel: str = "kvm") -> dict[str, Any]:
    """A host that is ready, with its proof."""
    return report(
        finding("hardware.cpu-virtualization", "pass", "The CPU can run guests with AMD-V: one ran."),
        finding("kernel.kvm-runs", "pass", "KVM runs guests."),
        proof={
            "level": "libvirt",
            "wanted": "libvirt",
            "ok": True,
            "summary": "A guest ran under KVM through libvirt, as alice.",
            "user": "alice",
            "witness": "KVMREADY 1f2e3d4c KVMKVMKVM",
            "accel": accel,
            "steps": [
                {"id": "probe", "status": "pass", "seconds": 0.006, "evidence": [], "cause": None},
                {"id": "qemu", "status": "pass", "seconds": 1.2, "evidence": [], "cause": None},
                {"id": "libvirt", "status": "pass", "seconds": 148.0, "evidence": [], "cause": None},
            ],
        },
    )


def linux() -> dict[str, Any]:
    """The same, proved by a Linux guest of which one figure is low and one could not be measured."""
    made = proven()
    units = {"cpu": "ns", "memory": "MB/s", "first-touch": "ns", "disk-write": "MB/s", "disk-read": "MB/s"}
    figures = [
        {"id": id, "unit": unit, "guest": 1234.5, "host": 2345.0, "ratio": 0.53, "least": 0.85, "normal": id != "cpu"}
        for id, unit in units.items()
    ]
    none = {"id": "network", "unit": "MB/s", "guest": None, "host": 88.0, "ratio": None, "least": 0.05, "normal": None}
    made["proof"] = {
        **made["proof"],
        "level": "linux",
        "wanted": "linux",
        "linux": {
            "image": "debian-12",
            "sha256": "ab" * 32,
            "kernel": "6.1.0-37-amd64",
            "clocksource": "kvm-clock",
            "address": "192.168.122.71",
            "boot": [{"phase": "firmware", "seconds": 0.8}, {"phase": "kernel", "seconds": 1.2},
                     {"phase": "user-space", "seconds": 9.5}],
            "figures": [*figures, none],
        },
    }  # fmt: skip
    return made
