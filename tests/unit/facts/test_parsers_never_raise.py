"""The parsers of what programs print take any text: garbage gives an answer, not a traceback."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kvmready.facts import libvirt, memory, network, qemu, services, storage, virsh
from kvmready.host.door import Result
from tests.unit.facts.debian import ANSWERS, ROUTES, said

PIECES = st.sampled_from(
    [
        virsh.MARK, "@@", "uri", "net-info", "error: ", "\n", "Active:", "yes", "<ip address='", "192.168.1.1'", "/>",
        "prefix='", "²", "LoadState=", "=", "\n\n", "State: running", "<target><path>", "</path>", "0002000A", "\t",
        "<arch name='x86_64'>", "<domain type='kvm'", "</arch>", "\0", "libvirtd.service", ":",
        "vm.nr_hugepages", "hugepages=", "7", " kB", "{", "}", "[", "]", '"uefi"', '"mapping":', '"targets"', ".so: /",
    ]
)  # fmt: skip
TEXT = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("".join))
PROBLEMS = st.sampled_from(["", "timeout", "absent", "denied"])
STATUS = st.one_of(st.none(), st.integers(-64, 255))


@settings(deadline=None, max_examples=200)
@given(TEXT, TEXT, PROBLEMS, STATUS)
def test_any_result(out: str, err: str, problem: str, status: int | None) -> None:
    result = Result(("program",), None if problem else status, out, err, problem)
    answer = virsh.parse(result)
    assert answer.state in ("connected", "denied", "timeout", "failed", "no-client")
    for name, _ in virsh.QUESTIONS:
        answer.text(name)
    network.from_virsh(answer)
    storage.from_virsh(answer)
    qemu.from_result(result)
    services.from_result(result, ("libvirtd.service", "libvirtd.socket"))


@settings(deadline=None, max_examples=200)
@given(TEXT, TEXT)
def test_any_text(one: str, other: str) -> None:
    network.parse_routes(one)
    network.parse_routes(ROUTES + one, big_endian=True)
    network.parse_subnets(one)
    network.parse_default(one, other)
    network.overlap(one, other)
    network.subnet_of(one, other)
    network.subnet_of("10.0.0.1", prefix=one)
    storage.parse_pool(one, other)
    libvirt.parse_versions(one)
    libvirt.parse_domain_types(one, "x86_64")
    services.parse_units(one, ("a", "b"))
    memory.parse_meminfo(one)
    memory.parse_sysctl("file", one)
    memory.parse_command_line(one)
    qemu.parse_descriptor(one, "x86_64")
    qemu.parse_owners(one)
    qemu.missing_library(one)


@given(st.lists(st.sampled_from([*ANSWERS]), unique=True), st.text(alphabet=st.characters(exclude_characters="@")))
def test_an_answer_is_never_taken_for_another(names: list[str], text: str) -> None:
    answer = virsh.parse(said(("virsh",), {name: f"{name} {text}" for name in names}))
    for name in names:
        assert answer.answers[name].out == f"{name} {text}".strip()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_a_subnet_overlaps_itself_and_its_halves(number: int, prefix: int) -> None:
    address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    subnet = network.subnet_of(address, prefix=str(prefix))
    assert subnet is not None
    assert network.overlap(subnet, subnet)
    assert network.overlap(subnet, address)
    if prefix < 32:
        assert network.overlap(subnet, f"{address}/{prefix + 1}")
