# uint64_t compute_loop(uint64_t turns /* RDI, >= 1 */, uint64_t seed /* RSI */)   System V ABI
#   value = seed; do { value = value * 6364136223846793005 + turns; } while (--turns);
# The multiplier is Knuth's (MMIX).  Each turn needs the last one's value, so no CPU can run turns side by side.
# The same bytes are called natively by the host and run in long mode; the guest's return
# address is the HLT behind the RET.  Position-independent.
#   as --64 compute_loop.s ; ld -m elf_x86_64 -Ttext 0 --oformat binary
    .intel_syntax noprefix
    .code64
    .globl _start
_start:
    movabs rcx, 6364136223846793005
    mov rax, rsi
1:
    imul rax, rcx
    add rax, rdi
    dec rdi
    jnz 1b
    ret
    hlt
