# Long mode: computes RAX * RBX + RAX modulo 2^64 from two run-time numbers, writes the
# low half and then the high half to port 0x10 and halts.  Outside 64-bit mode the REX
# prefixes are DEC instructions and the shift by 32 is a shift by nothing, so the answer is wrong there.
#   as --64 long_mode.s ; ld -m elf_x86_64 -Ttext 0 --oformat binary
    .intel_syntax noprefix
    .code64
    .globl _start
_start:
    mov rcx, rax
    imul rax, rbx
    add rax, rcx
    out 0x10, eax
    shr rax, 32
    out 0x10, eax
    hlt
