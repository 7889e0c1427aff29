"""One virtual machine with one vCPU, driven through /dev/kvm (x86-64 hosts)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import time

from kvmready.guest import uapi

TYPE_CHECKING = False  # typing costs more to import than the whole machine
if TYPE_CHECKING:
    from typing import Callable

MEMORY_SIZE = 0x10000
"""Bytes of guest memory, at guest address 0."""
CODE_ADDRESS = 0x8000
PORT = 0x10
"""The port that every one of our guests writes to."""

_PML4, _DIRECTORY_POINTERS, _DIRECTORY, _GDT, _STACK_TOP = 0x1000, 0x2000, 0x3000, 0x4000, 0x7000
_PRESENT_WRITABLE, _LARGE_PAGE = 0x3, 0x80
_GDT_ENTRIES = (0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)  # null, 64-bit code, data
_CODE_SEGMENT = uapi.SEGMENT.pack(0, 0xFFFFFFFF, 0x08, 11, 1, 0, 0, 1, 1, 1, 0, 0, 0)
_DATA_SEGMENT = uapi.SEGMENT.pack(0, 0xFFFFFFFF, 0x10, 3, 1, 0, 1, 1, 0, 1, 0, 0, 0)
_REAL_MODE_CODE_SEGMENT = uapi.SEGMENT.pack(0, 0xFFFF, 0, 11, 1, 0, 0, 1, 0, 0, 0, 0, 0)
_CR0_LONG_MODE = 0x80050033  # PG AM WP NE ET MP PE
_CR4_PAE = 0x20
_EFER_LONG_MODE = 0x500  # LMA LME
_RFLAGS_RESERVED = 0x2  # this bit always reads 1


class Stopped(Exception):
    """A probe could not go on at its stage: the evidence.

    `detail` is text for a log, `errno` a name such as EACCES or None, `exit_reason` a KVM_EXIT name
    without its prefix or None.
    """

    def __init__(self, detail: str, number: int | None = None, exit_reason: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errno = errno.errorcode.get(number, str(number)) if number else None
        self.exit_reason = exit_reason


class Machine:
    """The machine, built step by step so that a refusal belongs to one step: open, create, then run.

    Every method that asks KVM raises Stopped.  `close` frees all of it and may be called at any time.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._descriptors: list[int] = []
        self._vcpu = -1
        self._state: mmap.mmap | None = None
        self._memory = mmap.mmap(-1, MEMORY_SIZE)
        self._initial_special = b""
        self._stats: tuple[int, ...] | None = None

    def open(self) -> None:
        """Opens the device for reading and writing."""
        try:
            self._descriptors.append(os.open(self._device, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise Stopped(f"open {self._device}: {error.strerror}", error.errno) from error

    def api_version(self) -> int:
        """The version that the opened device answers."""
        return _ask("KVM_GET_API_VERSION", self._descriptors[0], uapi.KVM_GET_API_VERSION)

    def create_vm(self) -> None:
        """Creates the virtual machine."""
        self._descriptors.append(_ask("KVM_CREATE_VM", self._descriptors[0], uapi.KVM_CREATE_VM))

    def create_memory(self) -> None:
        """Gives the machine its memory."""
        vm = self._descriptors[1]
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        region = uapi.MEMORY_REGION.pack(0, 0, 0, MEMORY_SIZE, address)
        _ask("KVM_SET_TSS_ADDR", vm, uapi.KVM_SET_TSS_ADDR, uapi.TSS_ADDRESS)
        _ask("KVM_SET_USER_MEMORY_REGION", vm, uapi.KVM_SET_USER_MEMORY_REGION, bytearray(region))

    def create_vcpu(self) -> None:
        """Creates the vCPU and maps its `struct kvm_run`."""
        kvm, vm = self._descriptors
        self._vcpu = _ask("KVM_CREATE_VCPU", vm, uapi.KVM_CREATE_VCPU)
        self._descriptors.append(self._vcpu)
        size = _ask("KVM_GET_VCPU_MMAP_SIZE", kvm, uapi.KVM_GET_VCPU_MMAP_SIZE)
        try:
            self._state = mmap.mmap(self._vcpu, size)
        except OSError as error:
            raise Stopped(f"mmap of the vCPU: {error.strerror}", error.errno) from error
        self._give_features(kvm)
        special = bytearray(uapi.SPECIAL_REGISTERS_SIZE)
        _ask("KVM_GET_SREGS", self._vcpu, uapi.KVM_GET_SREGS, special)
        self._initial_special = bytes(special)

    def _give_features(self, kvm: int) -> None:
        """Gives the vCPU the CPUID that the kernel can offer.

        Newer kernels (Linux 6.12 does) judge the control registers by what the guest's CPUID has, and a vCPU without
        any may not enter long mode: KVM_SET_SREGS says EINVAL.
        """
        features = bytearray(uapi.CPUID_HEADER.size + uapi.CPUID_ENTRIES * uapi.CPUID_ENTRY_SIZE)
        uapi.CPUID_HEADER.pack_into(features, 0, uapi.CPUID_ENTRIES, 0)
        _ask("KVM_GET_SUPPORTED_CPUID", kvm, uapi.KVM_GET_SUPPORTED_CPUID, features)
        _ask("KVM_SET_CPUID2", self._vcpu, uapi.KVM_SET_CPUID2, features)

    def load_real_mode(self, program: bytes) -> None:
        """Puts a 16-bit program at `CODE_ADDRESS` and the vCPU into real mode."""
        self._write(CODE_ADDRESS, program)
        special = bytearray(self._initial_special)
        _replace(special, uapi.CS_OFFSET, _REAL_MODE_CODE_SEGMENT)
        _ask("KVM_SET_SREGS", self._vcpu, uapi.KVM_SET_SREGS, special)

    def load_long_mode(self, program: bytes) -> None:
        """Puts a 64-bit program at `CODE_ADDRESS` and the vCPU into 64-bit mode, 2 MiB mapped 1:1."""
        self._write(CODE_ADDRESS, program)
        self._write(_PML4, (_DIRECTORY_POINTERS | _PRESENT_WRITABLE).to_bytes(8, "little"))
        self._write(_DIRECTORY_POINTERS, (_DIRECTORY | _PRESENT_WRITABLE).to_bytes(8, "little"))
        self._write(_DIRECTORY, (_LARGE_PAGE | _PRESENT_WRITABLE).to_bytes(8, "little"))
        gdt = b"".join(entry.to_bytes(8, "little") for entry in _GDT_ENTRIES)
        self._write(_GDT, gdt)
        special = bytearray(self._initial_special)
        _replace(special, uapi.CS_OFFSET, _CODE_SEGMENT)
        for offset in uapi.DATA_SEGMENTS_OFFSETS:
            _replace(special, offset, _DATA_SEGMENT)
        _replace(special, uapi.GDT_OFFSET, uapi.TABLE.pack(_GDT, len(gdt) - 1))
        _, cr2, _, _, cr8, _, apic_base = uapi.CONTROL.unpack_from(special, uapi.CONTROL_OFFSET)
        control = uapi.CONTROL.pack(_CR0_LONG_MODE, cr2, _PML4, _CR4_PAE, cr8, _EFER_LONG_MODE, apic_base)
        _replace(special, uapi.CONTROL_OFFSET, control)
        _ask("KVM_SET_SREGS", self._vcpu, uapi.KVM_SET_SREGS, special)

    def start(self, return_address: int = 0, **registers: int) -> None:
        """Points the vCPU at `CODE_ADDRESS` with these registers; all others are 0.

        The stack holds `return_address`, for a program that ends with RET.
        """
        self._write(_STACK_TOP, return_address.to_bytes(8, "little"))
        values = {"rip": CODE_ADDRESS, "rsp": _STACK_TOP, "rflags": _RFLAGS_RESERVED, **registers}
        packed = uapi.REGISTERS.pack(*(values.get(name, 0) for name in uapi.REGISTER_NAMES))
        _ask("KVM_SET_REGS", self._vcpu, uapi.KVM_SET_REGS, bytearray(packed))

    def register(self, name: str) -> int:
        """The value of one general register, named as in `uapi.REGISTER_NAMES`."""
        packed = bytearray(uapi.REGISTERS.size)
        _ask("KVM_GET_REGS", self._vcpu, uapi.KVM_GET_REGS, packed)
        return int(uapi.REGISTERS.unpack(packed)[uapi.REGISTER_NAMES.index(name)])

    def run_to_output(self) -> int:
        """Runs to the next write to `PORT` and returns what was written."""
        self._run(uapi.EXIT_IO)
        state = self._require_state()
        direction, size, port, _, offset = uapi.EXIT_IO_DATA.unpack_from(state, uapi.EXIT_DATA_OFFSET)
        if direction != uapi.IO_OUT or port != PORT:
            raise Stopped(f"the guest used port {port:#x} instead of writing to {PORT:#x}", exit_reason="IO")
        return int.from_bytes(state[offset : offset + size], "little")

    def run_to_halt(self) -> int:
        """Runs to the HLT that ends each of our guests; returns the nanoseconds that this took."""
        return self._run(uapi.EXIT_HLT)

    def time_outputs(self, count: int) -> list[int]:
        """Runs to the next `count` writes; returns the nanoseconds of each round trip."""
        return [self._run(uapi.EXIT_IO) for _ in range(count)]

    def emulated_instructions(self) -> int | None:
        """How many of the guest's instructions KVM has carried out itself; None where the kernel does not count them.

        `insn_emulation` in `kvm_vcpu_stats_desc`, arch/x86/kvm/x86.c.
        """
        if self._stats is None:
            self._stats = _counter(self._vcpu, b"insn_emulation")
            self._descriptors += self._stats[:1]
        if len(self._stats) < 2:
            return None
        descriptor, offset = self._stats
        (count,) = uapi.STATS_VALUE.unpack(os.pread(descriptor, uapi.STATS_VALUE.size, offset))
        return int(count)

    def close(self) -> None:
        """Destroys the machine and frees its memory."""
        if self._state is not None:
            self._state.close()
            self._state = None
        while self._descriptors:
            os.close(self._descriptors.pop())
        self._memory.close()

    def _run(self, wanted: int) -> int:
        state = self._require_state()
        while True:
            began = time.perf_counter_ns()
            try:
                fcntl.ioctl(self._vcpu, uapi.KVM_RUN, 0)
            except InterruptedError:
                continue
            except OSError as error:
                raise Stopped(f"KVM_RUN: {error.strerror}", error.errno) from error
            took = time.perf_counter_ns() - began
            break
        (reason,) = uapi.EXIT_REASON.unpack_from(state, uapi.EXIT_REASON_OFFSET)
        if reason != wanted:
            name, wanted_name = uapi.exit_name(reason), uapi.exit_name(wanted)
            raise Stopped(f"exit {name}{_more(reason, state)} instead of {wanted_name}", exit_reason=name)
        return took

    def _write(self, address: int, data: bytes) -> None:
        self._memory[address : address + len(data)] = data

    def _require_state(self) -> mmap.mmap:
        if self._state is None:
            raise RuntimeError("the machine has no vCPU yet")
        return self._state


def _replace(target: bytearray, offset: int, data: bytes) -> None:
    target[offset : offset + len(data)] = data


def _counter(vcpu: int, name: bytes) -> tuple[int, ...]:
    """The descriptor that a vCPU's statistics are read from, and the offset of that one; less where there is none.

    Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD.
    """
    try:
        found = fcntl.ioctl(vcpu, uapi.KVM_GET_STATS_FD, 0)
    except OSError:
        return ()
    header = os.pread(found, uapi.STATS_HEADER.size, 0)
    _, name_size, count, _, descriptors, data = uapi.STATS_HEADER.unpack(header)
    size = uapi.STATS_DESCRIPTOR.size + name_size
    table = os.pread(found, size * count, descriptors)
    for begin in range(0, len(table), size):
        if table[begin + uapi.STATS_DESCRIPTOR.size : begin + size].rstrip(b"\0") == name:
            return found, data + uapi.STATS_DESCRIPTOR.unpack_from(table, begin)[3]
    return (found,)


def _more(reason: int, state: mmap.mmap) -> str:
    if reason == uapi.EXIT_FAIL_ENTRY:
        return f" (hardware reason {uapi.FAIL_ENTRY_DATA.unpack_from(state, uapi.EXIT_DATA_OFFSET)[0]:#x})"
    if reason == uapi.EXIT_INTERNAL_ERROR:
        return f" (suberror {uapi.INTERNAL_ERROR_DATA.unpack_from(state, uapi.EXIT_DATA_OFFSET)[0]})"
    return ""


def _ask(name: str, descriptor: int, number: int, argument: int | bytearray = 0) -> int:
    while True:
        try:
            return fcntl.ioctl(descriptor, number, argument)
        except InterruptedError:
            continue  # KVM_CREATE_VM gives way to any pending signal
        except OSError as error:
            raise Stopped(f"{name}: {error.strerror}", error.errno) from error


class NativeCode:
    """`uint64_t f(uint64_t, uint64_t)` from machine code in memory of this process.

    The memory is writable first and executable after, never both.  Raises Stopped when the kernel
    refuses to make it executable (SELinux execmem, a hardened service).
    """

    def __init__(self, program: bytes) -> None:
        memory = mmap.mmap(-1, mmap.PAGESIZE)
        memory[: len(program)] = program
        anchor = ctypes.c_char.from_buffer(memory)
        address = ctypes.addressof(anchor)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        if libc.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC) != 0:
            number = ctypes.get_errno()
            raise Stopped(f"mprotect: {os.strerror(number)}", number)
        self._memory = (memory, anchor)  # the function lives in it
        function = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
        self.call: Callable[[int, int], int] = function(address)
