"""Ioctl numbers and layouts against the numbers that strace and the kernel's own tools show for x86-64."""

from __future__ import annotations

import pytest

from kvmready.guest import uapi

NUMBERS = {
    "KVM_GET_API_VERSION": 0xAE00,
    "KVM_CREATE_VM": 0xAE01,
    "KVM_GET_VCPU_MMAP_SIZE": 0xAE04,
    "KVM_CREATE_VCPU": 0xAE41,
    "KVM_SET_USER_MEMORY_REGION": 0x4020AE46,
    "KVM_SET_TSS_ADDR": 0xAE47,
    "KVM_RUN": 0xAE80,
    "KVM_GET_REGS": 0x8090AE81,
    "KVM_SET_REGS": 0x4090AE82,
    "KVM_GET_SUPPORTED_CPUID": 0xC008AE05,
    "KVM_SET_CPUID2": 0x4008AE90,
    "KVM_GET_SREGS": 0x8138AE83,
    "KVM_SET_SREGS": 0x4138AE84,
    "KVM_GET_STATS_FD": 0xAECE,
}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items(), ids=list(NUMBERS))
def test_ioctl_number(name: str, number: int) -> None:
    assert getattr(uapi, name) == number


def test_every_number_is_in_the_table() -> None:
    assert {name for name in vars(uapi) if name.startswith("KVM_")} == set(NUMBERS)


def test_layouts() -> None:
    assert uapi.SEGMENT.size == 24
    assert uapi.TABLE.size == 16
    assert uapi.REGISTERS.size == 8 * len(uapi.REGISTER_NAMES) == 144
    assert uapi.SPECIAL_REGISTERS_SIZE == 312
    assert uapi.CONTROL_OFFSET == 224


def test_exit_names() -> None:
    assert uapi.exit_name(9) == "FAIL_ENTRY"
    assert uapi.exit_name(4711) == "4711"


@pytest.mark.parametrize(("machine", "known"), [("x86_64", True), ("i686", False), ("aarch64", False), ("", False)])
def test_supported(machine: str, known: bool) -> None:
    assert uapi.supported(machine) is known
