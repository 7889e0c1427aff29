# Real mode: adds two 16-bit numbers that the host puts into AX and BX, writes the
# sum (modulo 2^16) to port 0x10 and halts.  Position-independent, no stack, no data.
#   as --32 real_mode.s ; ld -m elf_i386 -Ttext 0 --oformat binary
    .intel_syntax noprefix
    .code16
    .globl _start
_start:
    add ax, bx
    out 0x10, ax
    hlt
