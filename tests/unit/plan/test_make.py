"""Plans as data: the facts of a host in, the steps and their exact commands out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kvmready import checks, distro, i18n, plan
from kvmready.checks.engine import judge
from kvmready.checks.finding import Finding, Remedy, automatic, manual
from kvmready.facts import Facts
from kvmready.facts.kernel import Blocked
from kvmready.facts.known import Absent, Fact, Known, Unknown
from kvmready.facts.names import Want
from kvmready.facts.network import Taken
from kvmready.host.door import Account
from kvmready.plan.kinds import KINDS
from kvmready.plan.manager import State
from kvmready.plan.step import Plan
from tests.unit.checks import lower
from tests.unit.checks.upper import changed, healthy, with_units
from tests.unit.facts.debian import RELEASE

TABLE = distro.find(RELEASE, "x86_64")
assert TABLE is not None
VIRSH = ("virsh", "--connect", "qemu:///system")
FRESH = lower.facts(want=Want(users=("alice",)), names=TABLE.names)
READY = State(lists=True, broken="")
OFF = {"active": "inactive", "sub": "dead"}


def findings(facts: Facts) -> tuple[Finding, ...]:
    return judge([check for check in checks.ALL if facts.want.profile in check.profiles], facts)


def planned(facts: Facts, only: str | None = None, manager: State | None = READY) -> Plan:
    return plan.make(findings(facts), facts, TABLE, only, manager)


def ids(made: Plan) -> list[str]:
    return [step.id for step in made.steps]


def commands(made: Plan) -> list[tuple[str, ...]]:
    return [command for step in made.steps for command in step.commands]


def test_a_ready_host_has_nothing_to_do() -> None:
    assert planned(healthy()).steps == ()
    assert planned(healthy(), manager=None).steps == ()


def test_a_fresh_host_gets_the_whole_way_in_one_plan() -> None:
    made = planned(FRESH, manager=State(lists=False, broken=""))
    assert ids(made) == [
        "packages.lists",
        "packages",
        "services.virtlogd",
        "services.virtlockd",
        "services.libvirtd",
        "network.default-network",
        "storage.default-pool",
        "access.kvm-group.alice",
        "access.libvirt-group.alice",
    ]
    packages = made.steps[1]
    assert packages.commands[0][-10:] == (
        "--",
        "dnsmasq-base",
        "libvirt-clients",
        "libvirt-daemon-system",
        "ovmf",
        "python3-libvirt",
        "qemu-system-x86",
        "qemu-utils",
        "swtpm-tools",
        "virtinst",
    )
    assert "DEBIAN_FRONTEND=noninteractive" in packages.commands[0]
    assert "--no-remove" in packages.commands[0]
    assert set(packages.mends) == {
        "qemu.not-installed",
        "qemu.img-missing",
        "libvirt.not-installed",
        "libvirt.clients-missing",
        "libvirt.python-missing",
        "network.dnsmasq-missing",
    }
    assert commands(made)[2:] == [
        ("systemctl", "enable", "--", "virtlogd.socket"),
        ("systemctl", "start", "--", "virtlogd.socket"),
        ("systemctl", "enable", "--", "virtlockd.socket"),
        ("systemctl", "start", "--", "virtlockd.socket"),
        ("systemctl", "enable", "--", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd.service"),
        ("systemctl", "start", "--", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd.service"),
        (*VIRSH, "net-define", "/usr/share/libvirt/networks/default.xml"),
        (*VIRSH, "net-start", "--network", "default"),
        (*VIRSH, "net-autostart", "--network", "default"),
        (*VIRSH, "pool-define-as", "--name", "default", "--type", "dir", "--target", "/var/lib/libvirt/images"),
        (*VIRSH, "pool-start", "--pool", "default"),
        (*VIRSH, "pool-autostart", "--pool", "default"),
        ("usermod", "--append", "--groups", "kvm", "--", "alice"),
        ("usermod", "--append", "--groups", "libvirt", "--", "alice"),
    ]


@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        (READY, ["packages"]),
        (None, ["packages.lists", "packages"]),
        (State(True, "dpkg was interrupted."), ["packages.repair", "packages"]),
        (State(True, busy="apt-get (4711)"), ["packages.repair", "packages"]),
        (State(True, unavailable=frozenset({"virtinst"})), ["packages.lists", "packages"]),
    ],
)
def test_the_package_manager_is_prepared_only_as_far_as_needed(manager: State | None, expected: list[str]) -> None:
    steps = ids(planned(FRESH, manager=manager))
    assert [name for name in steps if name.startswith("packages")] == expected


def test_an_interrupted_package_run_is_finished_before_anything_stands_on_it() -> None:
    facts = with_units(healthy(), libvirtd_service=OFF, libvirtd_socket=OFF)
    broken = State(True, broken="dpkg was interrupted.")
    assert ids(planned(facts, manager=broken)) == ["packages.repair", "services.libvirtd"]
    assert ids(planned(facts, manager=State(True, busy="dpkg (1)"))) == ["packages.repair", "services.libvirtd"]
    assert planned(healthy(), manager=broken).steps == ()
    kernel = healthy(kernel=lower.UNLOADED, probe=lower.no_guest())
    assert ids(planned(kernel, "kernel", broken)) == ["kernel.module.kvm_amd"]


@pytest.mark.parametrize("layer", ["hardware", "kernel", "qemu", "libvirt", "services", "network", "storage"])
def test_only_keeps_a_layer_and_what_it_stands_on(layer: str) -> None:
    from kvmready.checks.finding import LAYERS

    made, whole = planned(FRESH, layer), planned(FRESH)
    below = LAYERS[: LAYERS.index(layer) + 1]
    assert all(step.layer in below for step in made.steps)
    assert [s.id for s in whole.steps if s.layer in below] == ids(made)


def test_only_services_starts_all_services() -> None:
    made = planned(FRESH, "services")
    assert ids(made) == ["packages", "services.virtlogd", "services.virtlockd", "services.libvirtd"]
    assert "dnsmasq-base" not in commands(made)[0]


def test_no_virtualization_in_the_cpu_leaves_nothing_to_do() -> None:
    machine = lower.BARE_METAL._replace(cpu_flags=Known(("lm",)))
    kernel = lower.UNLOADED
    facts = FRESH._replace(machine=machine, kernel=kernel, probe=lower.no_guest())
    judged = {f.check: f for f in findings(facts)}
    assert judged["hardware.cpu-virtualization"].status == "fail"
    assert planned(facts).steps == ()
    accepted = facts._replace(want=facts.want._replace(accel="tcg"))
    assert "packages" in ids(planned(accepted))


def test_a_host_without_a_table_is_only_looked_at() -> None:
    assert plan.make(findings(FRESH), FRESH, None).steps == ()


def test_the_module_is_loaded_and_kept() -> None:
    kernel = lower.UNLOADED._replace(kept=())
    facts = healthy(kernel=kernel, probe=lower.no_guest())
    made = planned(facts)
    assert ids(made)[:2] == ["kernel.module.kvm_amd", "kernel.modules-persist"]
    assert made.steps[0].commands == (("modprobe", "--", "kvm_amd"),)
    assert made.steps[1].arguments["path"] == "/etc/modules-load.d/kvmready.conf"
    assert made.steps[1].arguments["content"].splitlines()[-1] == "kvm_amd"


VBOX = "/etc/modprobe.d/vbox.conf"
FORBIDDEN = (
    Blocked("kvm_amd", VBOX, "blacklist kvm_amd", "blacklist"),
    Blocked("kvm_amd", VBOX, "install kvm_amd /bin/false", "install"),
)


def test_what_forbids_the_module_is_switched_off_before_it_is_loaded() -> None:
    made = planned(healthy(kernel=lower.UNLOADED._replace(blocked=FORBIDDEN), probe=lower.no_guest()))
    assert ids(made) == ["kernel.blacklist.vbox.conf", "kernel.module.kvm_amd"]
    first = made.steps[0]
    assert first.arguments == {"path": VBOX, "lines": ["blacklist kvm_amd", "install kvm_amd /bin/false"]}
    assert first.mends == ("kernel.module-blacklisted",)
    assert "VirtualBox" in first.note
    loaded = planned(healthy(kernel=lower.KERNEL._replace(blocked=FORBIDDEN, kvm=healthy().kernel.kvm)))
    assert ids(loaded) == ["kernel.blacklist.vbox.conf"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/proc/cmdline", "module_blacklist=kvm_amd"),
        ("/usr/lib/modprobe.d/vendor.conf", "blacklist kvm_amd"),
        (VBOX, "install kvm_amd /bin/false \\"),
    ],
)
def test_what_only_a_person_can_allow_gives_no_step(path: str, line: str) -> None:
    blocked = (*FORBIDDEN, Blocked("kvm_amd", path, line, "install"))
    facts = healthy(kernel=lower.UNLOADED._replace(blocked=blocked), probe=lower.no_guest())
    assert planned(facts).steps == ()
    found = {f.check: f for f in findings(facts)}["kernel.blacklist"]
    assert found.status == "fail" and found.remedy is not None and found.remedy.kind == "manual"


def test_a_forbidden_network_device_is_allowed_too() -> None:
    blocked = (Blocked("tun", VBOX, "install tun /bin/false", "install"),)
    kernel = lower.KERNEL._replace(
        registered=Known(("kvm", "vhost-net")),
        available=Known(("kvm", "tun")),
        blocked=blocked,
        kvm=healthy().kernel.kvm,
    )
    assert ids(planned(healthy(kernel=kernel))) == ["kernel.blacklist.vbox.conf", "kernel.module.tun"]


def test_a_node_that_was_removed_is_made_again() -> None:
    kernel = lower.KERNEL._replace(kvm=Absent("/dev/kvm"))
    made = planned(healthy(kernel=kernel, probe=lower.no_guest()))
    assert ids(made) == ["kernel.kvm-device"]
    assert made.steps[0].commands[0] == ("mknod", "--mode=0600", "/dev/kvm", "c", "10", "232")
    assert made.steps[0].commands[-1][:2] == ("udevadm", "trigger")
    tun = lower.KERNEL._replace(tun=Absent("/dev/net/tun"), kvm=healthy().kernel.kvm)
    made = planned(healthy(kernel=tun))
    assert ids(made) == ["kernel.tun-device"]
    assert made.steps[0].commands[0] == ("mknod", "--mode=0600", "/dev/net/tun", "c", "10", "200")
    assert made.steps[0].arguments == {"path": "/dev/net/tun", "group": "root"}


def test_a_rule_is_written_only_where_there_is_none() -> None:
    wrong = lower.KERNEL._replace(kvm=lower.ROOT_KVM)
    facts = healthy(kernel=wrong._replace(kvm_rules=Known(())))
    made = planned(facts)
    assert ids(made) == ["kernel.kvm-rule", "kernel.kvm-device"]
    assert made.steps[0].arguments["path"] == "/etc/udev/rules.d/65-kvmready.rules"
    assert made.steps[0].arguments["content"].endswith('\nKERNEL=="kvm", GROUP="kvm", MODE="0660"\n')
    assert made.steps[1].commands[0] == ("udevadm", "control", "--reload")
    there: Fact[tuple[tuple[str, str], ...]] = Known((("/usr/lib/udev/rules.d/50-udev-default.rules", "a rule"),))
    for rules in (there, Unknown("not asked")):
        again = facts._replace(kernel=wrong._replace(kvm_rules=rules))
        assert ids(planned(again)) == ["kernel.kvm-device"]


def test_the_user_of_qemu_gets_the_group_that_it_lacks() -> None:
    refused = lower.answer(False, "open", "EACCES", user="libvirt-qemu")
    facts = healthy(probe=lower.probe(lower.RAN, lower.RAN._replace(user="alice"), refused))
    made = planned(facts)
    assert ids(made) == ["kernel.qemu-user"]
    assert made.steps[0].commands == (("usermod", "--append", "--groups", "kvm", "--", "libvirt-qemu"),)


def test_nesting_is_an_option_and_a_load() -> None:
    kernel = lower.KERNEL._replace(nested=Known(False), users=Known(0), kvm=healthy().kernel.kvm)
    facts = healthy(kernel=kernel, want=Want(users=("alice",), nested=True))
    made = planned(facts)
    assert ids(made) == ["kernel.nested-option", "kernel.nested"]
    assert made.steps[0].arguments["content"].endswith("\noptions kvm_amd nested=1\n")
    assert made.steps[1].commands == (("modprobe", "--remove", "--", "kvm_amd"), ("modprobe", "--", "kvm_amd"))
    busy = facts._replace(kernel=kernel._replace(users=Known(1)))
    assert planned(busy).steps == ()
    built_in = facts._replace(kernel=kernel._replace(built_in=("kvm", "kvm_amd")))
    assert planned(built_in).steps == ()


def _damaged(**fields: object) -> Facts:
    return changed(healthy(), "qemu", accelerators=Unknown("x"), broken="signal 11", **fields)


def test_a_broken_emulator_is_installed_again() -> None:
    made = planned(_damaged(owners=Known(("qemu-system-x86", "seabios"))))
    assert ids(made) == ["qemu.reinstall"]
    assert made.steps[0].commands[0][5:8] == ("apt-get", "install", "--reinstall")
    assert made.steps[0].commands[0][-2:] == ("qemu-system-x86", "seabios")
    assert "undo" in made.steps[0].note
    lists = planned(_damaged(owners=Known(("qemu-system-x86",))), manager=State(False))
    assert ids(lists) == ["packages.lists", "qemu.reinstall"]
    assert planned(_damaged(owners=Absent("nobody's"))).steps == ()


def test_a_package_whose_files_were_deleted_is_installed_again() -> None:
    facts = changed(healthy(), "libvirt", daemon=Absent("x"), virsh=Absent("x"), connection="no-client")
    known = State(True, present=frozenset({"libvirt-daemon-system"}))
    steps = {step.kind: step for step in planned(facts, manager=known).steps}
    again, fresh = steps["reinstall"], steps["packages"]
    assert again.arguments["packages"] == ["libvirt-daemon", "libvirt-daemon-system"]
    assert again.arguments["present"] == [["/usr/sbin/libvirtd"]]
    assert fresh.arguments["packages"] == ["libvirt-clients"]


def test_firmware_and_tpm_are_installed_where_a_repository_offers_them() -> None:
    facts = changed(healthy(), "qemu", firmware=Absent(""), tpm=Absent("/usr/bin/swtpm"))
    made = planned(facts)
    assert ids(made) == ["packages"]
    assert made.steps[0].arguments["packages"] == ["ovmf", "swtpm-tools"]
    assert made.steps[0].mends == ("qemu.firmware-missing", "qemu.tpm-missing")
    offered = planned(facts, manager=State(True, unavailable=frozenset({"swtpm-tools"})))
    assert offered.steps[-1].arguments["packages"] == ["ovmf"]
    assert planned(facts, manager=State(True, unavailable=frozenset({"ovmf", "swtpm-tools"}))).steps == ()


def test_a_masked_unit_is_unmasked_before_it_is_enabled() -> None:
    facts = with_units(healthy(), libvirtd_service={**OFF, "load": "masked", "file_state": "masked"})
    made = planned(facts)
    assert ids(made) == ["services.libvirtd"]
    assert made.steps[0].mends == ("services.masked",)
    units = ("libvirtd.socket", "libvirtd-ro.socket", "libvirtd.service")
    assert made.steps[0].commands == (
        ("systemctl", "unmask", "--", "libvirtd.service", "libvirtd-admin.socket"),
        ("systemctl", "enable", "--", *units),
        ("systemctl", "start", "--", *units),
    )


def test_a_masked_unit_that_the_table_does_not_start_is_unmasked_too() -> None:
    facts = with_units(healthy(), virtlogd_service={**OFF, "load": "masked", "file_state": "masked"})
    made = planned(facts)
    assert ("systemctl", "unmask", "--", "virtlogd.service", "virtlogd-admin.socket") in commands(made)
    assert made.steps[0].arguments["unmask"] == ["virtlogd-admin.socket"]


def test_a_socket_whose_file_is_gone_is_started_anew() -> None:
    facts = changed(healthy(), "libvirt", connection="no-socket", sockets=())
    made = planned(facts)
    (step,) = [step for step in made.steps if step.kind == "unit"]
    assert step.arguments["sockets"] == {"libvirtd.socket": "/run/libvirt/libvirt-sock"}
    assert ("systemctl", "stop", "--", "libvirtd.socket", "libvirtd.service") in step.commands


def test_the_bios_comes_with_its_package_where_nobody_owns_it() -> None:
    facts = changed(healthy(), "qemu", rom=Absent("x"), owners=Absent("dpkg-query"))
    assert [step.kind for step in planned(facts).steps if step.kind != "package-lists"] == ["packages"]
    assert any("seabios" in command for command in commands(planned(facts)))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"active": False, "autostart": True}, ["net-start"]),
        ({"active": True, "autostart": False}, ["net-autostart"]),
        ({"active": False, "autostart": False}, ["net-start", "net-autostart"]),
    ],
)
def test_only_what_the_network_lacks(states: dict[str, bool], expected: list[str]) -> None:
    facts = healthy()
    assert isinstance(facts.network.default, Known)
    network = facts.network.default.value._replace(**states)  # type: ignore[arg-type]
    made = planned(changed(facts, "network", default=Known(network)))
    assert [command[3] for command in commands(made)] == expected


def test_a_taken_subnet_moves_the_network_to_the_next_free_one() -> None:
    facts = healthy()
    assert isinstance(facts.network.default, Known)
    off = facts.network.default.value._replace(active=False)
    taken = (Taken("192.168.122.0/24", "eth0"), Taken("192.168.123.0/24", "eth1"))
    made = planned(changed(facts, "network", default=Known(off), taken=Known(taken)))
    (step,) = made.steps
    assert step.mends == ("network.subnet-clash",)
    assert [command[3] for command in step.commands] == ["net-undefine", "net-define", "net-start", "net-autostart"]
    assert "address='192.168.124.1'" in step.arguments["xml"]
    assert "192.168.124.0/24" in step.summary
    assert step.arguments["xml"] in step.note


def test_a_fresh_host_on_libvirts_own_subnet_is_moved_as_well() -> None:
    network = FRESH.network._replace(taken=Known((Taken("192.168.122.0/24", "eth0"),)))
    made = planned(FRESH._replace(network=network))
    (step,) = [step for step in made.steps if step.kind == "network"]
    assert "address='192.168.123.1'" in step.arguments["xml"]
    assert [command[3] for command in step.commands] == ["net-define", "net-start", "net-autostart"]


def test_nothing_rests_on_what_only_a_person_can_mend() -> None:
    facts = healthy(services=FRESH.services._replace(manager=Absent("no systemd")))
    facts = changed(facts, "network", default=Absent("no network"))
    judged = {f.check: f for f in findings(facts)}
    assert judged["services.manager"].cause == "services.no-manager"
    assert not [step for step in planned(facts).steps if step.kind == "unit"]
    blocked = Finding(
        "storage.default-pool", "storage", "blocked", "", blocked_by=("services.libvirtd", "libvirt.daemon")
    )
    roots = (
        Finding("libvirt.daemon", "libvirt", "fail", "", (), "libvirt.not-installed", automatic("x")),
        Finding("services.libvirtd", "services", "fail", "", (), "services.no-manager", manual("x")),
    )
    assert ids(plan.make((*roots, blocked), facts, TABLE, None, READY)) == ["packages"]
    assert ids(plan.make((roots[0], blocked._replace(blocked_by=("libvirt.daemon",))), facts, TABLE, None, READY)) == [
        "packages",
        "storage.default-pool",
    ]


@pytest.mark.parametrize("remedy", [None, Remedy("none", ""), manual("x")])
def test_a_failure_without_an_automatic_remedy_gets_no_step(remedy: Remedy | None) -> None:
    finding = Finding("services.libvirtd", "services", "fail", "", (), "services.failed", remedy)
    assert plan.make((finding,), healthy(), TABLE).steps == ()


@pytest.mark.parametrize("status", ["pass", "skip", "unknown"])
def test_what_did_not_fail_gets_no_step(status: str) -> None:
    finding = Finding("services.libvirtd", "services", status, "", (), "services.failed", automatic("x"))
    assert plan.make((finding,), healthy(), TABLE).steps == ()


def test_the_same_step_for_two_causes_is_one_step_that_mends_both() -> None:
    facts = with_units(healthy(), libvirtd_service=OFF, libvirtd_socket=OFF)
    two = (
        Finding("libvirt.connect", "libvirt", "fail", "", (), "libvirt.unreachable", automatic("x")),
        Finding("services.libvirtd", "services", "fail", "", (), "services.not-running", automatic("x")),
    )
    (step,) = plan.make(two, facts, TABLE).steps
    assert step.layer == "libvirt"
    assert step.mends == ("libvirt.unreachable", "services.not-running")


HOSTILE = ["al ice", "-rf", "a;reboot", "$(id)", "o'brien", 'q"q', "new\nline", "ünï"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_data(name: str) -> None:
    account = Account(name, 1001, 1001, "/home/x", ((name, 1001),))
    person = FRESH.access.people[0]._replace(name=name, account=Known(account))
    facts = FRESH._replace(access=FRESH.access._replace(people=(person,)), want=Want(users=(name,)))
    groups = [step for step in planned(facts).steps if step.kind == "group"]
    assert [step.commands[0] for step in groups] == [
        ("usermod", "--append", "--groups", group, "--", name) for group in ("kvm", "libvirt")
    ]


def test_root_and_members_are_not_added() -> None:
    account = Account("root", 0, 0, "/root", (("root", 0),))
    person = FRESH.access.people[0]._replace(name="root", account=Known(account))
    facts = FRESH._replace(access=FRESH.access._replace(people=(person,)), want=Want(users=("root",)))
    assert not [step for step in planned(facts).steps if step.kind == "group"]


def test_the_id_is_of_what_is_done_and_not_of_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    made = planned(FRESH)
    assert made.id == planned(FRESH).id
    monkeypatch.setattr(i18n, "_translate", lambda text: f"» {text}")
    shouted = planned(FRESH)
    assert [s.summary for s in shouted.steps] != [s.summary for s in made.steps]
    assert shouted.id == made.id
    for other in (planned(FRESH, "services"), planned(FRESH, manager=None), planned(with_bob())):
        assert other.id != made.id


def with_bob() -> Facts:
    account = Account("bob", 1001, 1001, "/home/bob", (("bob", 1001),))
    people = (FRESH.access.people[0]._replace(name="bob", account=Known(account)),)
    return FRESH._replace(access=FRESH.access._replace(people=people), want=Want(users=("bob",)))


def every_plan() -> Sequence[Plan]:
    return (planned(FRESH), planned(FRESH, manager=State(False, "x")), planned(healthy(kernel=lower.UNLOADED)))


def test_every_step_can_be_carried_out_and_kept_as_json() -> None:
    import json

    for made in every_plan():
        for step in made.steps:
            assert step.kind in KINDS
            assert step.summary and "{" not in step.summary
            assert json.loads(json.dumps(dict(step.arguments))) == dict(step.arguments)
            assert all(isinstance(word, str) for command in step.commands for word in command)
        assert len({step.id for step in made.steps}) == len(made.steps)
