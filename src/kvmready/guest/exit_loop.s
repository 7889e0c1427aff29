# Long mode: leaves to the host ECX times through port 0x10, then halts.  Each OUT is one
# exit round trip for the host to time.
#   as --64 exit_loop.s ; ld -m elf_x86_64 -Ttext 0 --oformat binary
    .intel_syntax noprefix
    .code64
    .globl _start
_start:
    out 0x10, al
    dec ecx
    jnz _start
    hlt
