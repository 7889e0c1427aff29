"""The part of the KVM interface that the probe uses, for x86-64 only.

Source of every number and layout: Linux `include/uapi/linux/kvm.h`, `arch/x86/include/uapi/asm/kvm.h`
and, for how an ioctl number is made, `include/uapi/asm-generic/ioctl.h`.
"""

from __future__ import annotations

import struct

DEVICE = "/dev/kvm"
API_VERSION = 12
"""The only version that `KVM_GET_API_VERSION` has answered since Linux 2.6.22."""

_KVMIO = 0xAE
_WRITE = 1
_READ = 2


def ioctl_number(direction: int, number: int, size: int) -> int:
    """`_IOC(direction, KVMIO, number, size)`; direction 0 none, 1 write, 2 read; size in bytes."""
    return direction << 30 | size << 16 | _KVMIO << 8 | number


def supported(machine: str) -> bool:
    """Whether the probe has machine code for an architecture, named as `uname -m` names it."""
    return machine == "x86_64"


MEMORY_REGION = struct.Struct("<IIQQQ")
"""`struct kvm_userspace_memory_region`: slot, flags, guest address, size in bytes, host address."""
REGISTERS = struct.Struct("<18Q")
"""`struct kvm_regs`, in the order of `REGISTER_NAMES`."""
REGISTER_NAMES = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags"),
)
SEGMENT = struct.Struct("<QIH10B")
"""`struct kvm_segment`: base, limit, selector, type, present, dpl, db, s, l, g, avl, unusable, padding."""
TABLE = struct.Struct("<QH6x")
"""`struct kvm_dtable`: base, limit."""
CONTROL = struct.Struct("<7Q")
"""cr0, cr2, cr3, cr4, cr8, efer, apic_base."""
SPECIAL_REGISTERS_SIZE = 8 * SEGMENT.size + 2 * TABLE.size + CONTROL.size + 4 * 8
"""`struct kvm_sregs`: segments cs ds es fs gs ss tr ldt; tables gdt idt; control; a 256-bit bitmap."""
CPUID_HEADER = struct.Struct("<II")
"""`struct kvm_cpuid2`: number of entries, padding; the entries follow."""
CPUID_ENTRY_SIZE = 40
"""`struct kvm_cpuid_entry2`."""
CPUID_ENTRIES = 256
"""No kernel takes more: `KVM_MAX_CPUID_ENTRIES` in arch/x86/include/asm/kvm_host.h."""
CS_OFFSET = 0
DATA_SEGMENTS_OFFSETS = tuple(SEGMENT.size * index for index in range(1, 6))
GDT_OFFSET = 8 * SEGMENT.size
CONTROL_OFFSET = GDT_OFFSET + 2 * TABLE.size

KVM_GET_API_VERSION = ioctl_number(0, 0x00, 0)
KVM_CREATE_VM = ioctl_number(0, 0x01, 0)
KVM_GET_VCPU_MMAP_SIZE = ioctl_number(0, 0x04, 0)
KVM_GET_SUPPORTED_CPUID = ioctl_number(_READ | _WRITE, 0x05, CPUID_HEADER.size)
KVM_CREATE_VCPU = ioctl_number(0, 0x41, 0)
KVM_SET_USER_MEMORY_REGION = ioctl_number(_WRITE, 0x46, MEMORY_REGION.size)
KVM_SET_TSS_ADDR = ioctl_number(0, 0x47, 0)
KVM_RUN = ioctl_number(0, 0x80, 0)
KVM_GET_REGS = ioctl_number(_READ, 0x81, REGISTERS.size)
KVM_SET_REGS = ioctl_number(_WRITE, 0x82, REGISTERS.size)
KVM_GET_SREGS = ioctl_number(_READ, 0x83, SPECIAL_REGISTERS_SIZE)
KVM_SET_SREGS = ioctl_number(_WRITE, 0x84, SPECIAL_REGISTERS_SIZE)
KVM_SET_CPUID2 = ioctl_number(_WRITE, 0x90, CPUID_HEADER.size)
KVM_GET_STATS_FD = ioctl_number(0, 0xCE, 0)
"""Since Linux 5.14."""

STATS_HEADER = struct.Struct("<6I")
"""`struct kvm_stats_header`: flags, size of a name, number of descriptors, offsets of id, descriptors and data."""
STATS_DESCRIPTOR = struct.Struct("<IhHII")
"""`struct kvm_stats_desc` without its name: flags, exponent, number of values, offset in the data, bucket size."""
STATS_VALUE = struct.Struct("<Q")

TSS_ADDRESS = 0x7FFF0000
"""A guest address for three pages that KVM needs on Intel CPUs that cannot run real mode by themselves
(Documentation/virt/kvm/api.rst).  Any free one below 4 GiB; `fcntl.ioctl` takes no number from 2 GiB up."""

# struct kvm_run
EXIT_REASON_OFFSET = 8
EXIT_REASON = struct.Struct("<I")
EXIT_DATA_OFFSET = 32
EXIT_IO_DATA = struct.Struct("<BBHIQ")
"""direction, size in bytes, port, count, offset of the data in `struct kvm_run`."""
FAIL_ENTRY_DATA = struct.Struct("<Q")
"""hardware_entry_failure_reason."""
INTERNAL_ERROR_DATA = struct.Struct("<I")
"""suberror."""

EXIT_IO = 2
EXIT_HLT = 5
EXIT_FAIL_ENTRY = 9
EXIT_INTERNAL_ERROR = 17
IO_OUT = 1

EXIT_NAMES = {
    0: "UNKNOWN",
    1: "EXCEPTION",
    EXIT_IO: "IO",
    3: "HYPERCALL",
    4: "DEBUG",
    EXIT_HLT: "HLT",
    6: "MMIO",
    7: "IRQ_WINDOW_OPEN",
    8: "SHUTDOWN",
    EXIT_FAIL_ENTRY: "FAIL_ENTRY",
    10: "INTR",
    11: "SET_TPR",
    12: "TPR_ACCESS",
    16: "NMI",
    EXIT_INTERNAL_ERROR: "INTERNAL_ERROR",
    21: "WATCHDOG",
    24: "SYSTEM_EVENT",
    26: "IOAPIC_EOI",
    29: "X86_RDMSR",
    30: "X86_WRMSR",
    33: "X86_BUS_LOCK",
    37: "NOTIFY",
    39: "MEMORY_FAULT",
}


def exit_name(reason: int) -> str:
    """The name of a `KVM_EXIT_*` number without its prefix; the number itself when it is not known here."""
    return EXIT_NAMES.get(reason, str(reason))
