# The boot sector that a proof boots: 512 bytes, BIOS, any disk that the BIOS can write.
# 1. takes the hypervisor's signature from CPUID leaf 0x40000000, if CPUID.1:ECX[31] says that there is one;
# 2. mixes the nonce with the key: 32-bit FNV-1a whose offset basis is the key;
# 3. writes "KVMREADY1 <nonce> <mix> <signature>\r\n" to COM1, to port 0xe9 and into sector 1 of its boot disk,
#    then "KVMDISK1 <status>\r\n" (INT 13h status, 0 is success) to COM1 and port 0xe9;
# 4. resets the machine through the keyboard controller, unless the command byte is 1: then it stays, halted, and shows
#    on a VGA text screen its first line, and below it the nonce and the mix as a row of coloured cells: white, one cell
#    for each character (the colour of its digit; black for the blank), white; two columns each, from column 2, rows 4 to 14.
# The host patches the data area at offset 0x1a0 (nonce, key, command); the partition table stays empty.
#   as --32 boot_sector.s ; ld -m elf_i386 -Ttext 0x7c00 --oformat binary
    .intel_syntax noprefix
    .code16
    .globl _start
    .set BUFFER, 0x7e00         # sector 1 is built here, NUL padded
    .set SIGNATURE, 0x8000      # zeroed with the buffer, so 12 bytes here end with a NUL
_start:
    ljmp 0, offset begin        # some BIOSes enter at 07c0:0000
begin:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    sti
    cld
    push dx                     # DL: the boot disk's BIOS number
    mov di, BUFFER
    mov cx, 512
    rep stosw

    mov di, BUFFER
    mov si, offset magic
    call copy
    mov si, offset nonce
    mov cx, 16
    rep movsb
    mov al, ' '
    stosb

    mov eax, [key]
    mov si, offset nonce
    mov cx, 16
1:
    movzx edx, byte ptr [si]
    inc si
    xor eax, edx
    imul eax, eax, 0x01000193
    loop 1b
    call hex
    mov al, ' '
    stosb

    mov eax, 1
    cpuid
    bt ecx, 31
    jc 1f
    mov al, '-'                 # no hypervisor: bare metal, or one that hides
    stosb
    jmp 2f
1:
    mov eax, 0x40000000
    cpuid
    mov [SIGNATURE], ebx
    mov [SIGNATURE + 4], ecx
    mov [SIGNATURE + 8], edx
    mov si, SIGNATURE
    call copy
2:
    call newline

    pop dx
    mov si, offset packet
    mov ax, 0x4300
    int 0x13
    mov al, ah
    movzx eax, al               # moves keep the carry flag
    jc 1f
    xor eax, eax
1:
    mov di, SIGNATURE
    mov si, offset disk
    push eax
    call copy
    pop eax
    call hex
    call newline

    cmp byte ptr [command], 1
    je stay
    mov al, 0xfe
    out 0x64, al
stay:
    mov ax, 3                   # 80 columns of text, cleared; without a VGA BIOS nothing happens
    int 0x10
    push 0xb800
    pop es
    mov di, 160 + 2
    mov si, BUFFER
    mov ah, 15
1:
    lodsb
    cmp al, 13
    je 2f
    stosw
    jmp 1b
2:
    mov bx, 160 * 4 + 4
3:
    mov di, bx
    mov si, BUFFER + 10         # behind "KVMREADY1 "
    mov cx, 25
    mov ah, 15
    call cell
4:
    lodsb
    cmp al, '9'
    jbe 5f
    add al, 9                   # "a" is 0x61
5:
    and al, 15
    mov ah, al
    call cell
    loop 4b
    mov ah, 15
    call cell
    add bx, 160
    cmp bh, (160 * 15) >> 8
    jb 3b
6:
    cli
    hlt
    jmp 6b

# Two full blocks of the colour AH to DI.
cell:
    mov al, 0xdb
    stosw
    stosw
    ret

# Text at SI up to its NUL, to DI.
copy:
    lodsb
    test al, al
    jz 1f
    stosb
    jmp copy
1:
    ret

# EAX as eight hexadecimal digits to DI.
hex:
    mov cx, 8
1:
    rol eax, 4
    push ax
    and al, 15
    cmp al, 10
    jb 2f
    add al, 'a' - '0' - 10
2:
    add al, '0'
    stosb
    pop ax
    loop 1b
    ret

# Ends the line at DI and sends it: from the last multiple of 512 up to DI.
newline:
    mov ax, 0x0a0d
    stosw
    mov cx, di
    mov si, di
    and si, 0xfe00
    sub cx, si
1:
    lodsb
    out 0xe9, al
    push cx
    xchg ah, al
    mov dx, 0x3fd
    mov cx, 0x1000              # a limit: a port that never gets ready must not hold the guest
2:
    in al, dx
    test al, 0x20
    loopz 2b
    pop cx
    xchg ah, al
    mov dx, 0x3f8
    out dx, al
    loop 1b
    ret

magic:
    .asciz "KVMREADY1 "
disk:
    .asciz "KVMDISK1 "
packet:                         # disk address packet: one sector from 0000:BUFFER to LBA 1
    .byte 16, 0
    .word 1, BUFFER, 0
    .quad 1

    .org 0x1a0
nonce:
    .fill 16, 1, '0'
key:
    .long 0
command:
    .byte 0

    .org 0x1fe
    .word 0xaa55
