/* The program that a Linux guest runs to prove itself; without any library, so that it runs under every Linux.
 *
 * As pid 1 of a first root:   init guest NONCE KEY DISK          (words behind "--" on the kernel's command line)
 * In an installed system:     linux_guest guest NONCE KEY DISK [MICROSECONDS]    (when its user space began)
 * On the host, to compare:    linux_guest host NONCE KEY FILE    (a file that is there)
 *
 * NONCE is 16 hexadecimal digits, KEY 8. Each line on standard output is "KVMLINUX1 NONCE WHAT VALUE...": see
 * proof/console.py. Then it answers on TCP port 7717 of every address (guest) or on a free port of 127.0.0.1 (host):
 * to "HELLO NONCE" with the witness (bootsector.py), to "SEND NONCE" with 16 MiB, to "BYE NONCE" by ending.
 *
 * It is shipped as linux_guest.elf. gcc 12 makes these very bytes of this file (a test compares them):
 *   gcc -Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-pic -fno-asynchronous-unwind-tables \
 *       -fno-ident -fcf-protection=none -mno-sse -mno-mmx -mno-80387 -static -nostdlib -no-pie -s -Wl,-z,norelro \
 *       -Wl,-z,noseparate-code -Wl,-z,noexecstack -Wl,--build-id=none -o linux_guest.elf linux_guest.c
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

enum {
    SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_poll = 7, SYS_lseek = 8, SYS_mmap = 9, SYS_ioctl = 16,
    SYS_nanosleep = 35, SYS_getpid = 39, SYS_socket = 41, SYS_accept = 43, SYS_sendto = 44, SYS_recvfrom = 45,
    SYS_bind = 49, SYS_listen = 50, SYS_getsockname = 51, SYS_setsockopt = 54, SYS_exit = 60, SYS_uname = 63,
    SYS_fsync = 74, SYS_mkdir = 83, SYS_mount = 165, SYS_reboot = 169, SYS_clock_gettime = 228, SYS_finit_module = 313
};

static i64 sys(i64 number, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
    i64 result;
    register i64 r10 __asm__("r10") = d;
    register i64 r8 __asm__("r8") = e;
    register i64 r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#define S1(n, a) sys(n, (i64)(a), 0, 0, 0, 0, 0)
#define S2(n, a, b) sys(n, (i64)(a), (i64)(b), 0, 0, 0, 0)
#define S3(n, a, b, c) sys(n, (i64)(a), (i64)(b), (i64)(c), 0, 0, 0)
#define S5(n, a, b, c, d, e) sys(n, (i64)(a), (i64)(b), (i64)(c), (i64)(d), (i64)(e), 0)
#define S6(n, a, b, c, d, e, f) sys(n, (i64)(a), (i64)(b), (i64)(c), (i64)(d), (i64)(e), (i64)(f))

void *memset(void *to, int value, u64 count)
{
    u8 *at = to;
    while (count--)
        *at++ = (u8)value;
    return to;
}

void *memcpy(void *to, const void *from, u64 count)
{
    u8 *at = to;
    const u8 *source = from;
    while (count--)
        *at++ = *source++;
    return to;
}

static u64 length(const char *text)
{
    u64 count = 0;
    while (text[count])
        count++;
    return count;
}

static int same(const char *one, const char *other)
{
    while (*one && *one == *other)
        one++, other++;
    return *one == *other;
}

/* ---- lines: collected whole and written at once, so that the kernel's own lines cannot cut them ---- */

static char line[512];
static u32 used;
static char nonce[17];
static u32 key;

static void text(const char *words)
{
    while (*words && used < sizeof line - 3)
        line[used++] = *words++;
}

static void number(u64 value)
{
    char digits[24];
    int at = 24;
    digits[--at] = 0;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    text(digits + at);
}

static void hexadecimal(u32 value)
{
    char digits[9];
    for (int at = 7; at >= 0; at--, value >>= 4)
        digits[at] = "0123456789abcdef"[value & 15];
    digits[8] = 0;
    text(digits);
}

static void address_text(u32 address)
{
    const u8 *part = (const u8 *)&address;
    for (int at = 0; at < 4; at++) {
        if (at)
            text(".");
        number(part[at]);
    }
}

static void begin(const char *what)
{
    used = 0;
    text("\r\nKVMLINUX1 ");
    text(nonce);
    text(" ");
    text(what);
    text(" ");
}

static void end(void)
{
    text("\r\n");
    S3(SYS_write, 1, line, used);
}

/* ---- time ---- */

static u64 microseconds(int clock)
{
    i64 now[2] = {0, 0};
    S2(SYS_clock_gettime, clock, now);
    return (u64)now[0] * 1000000 + (u64)now[1] / 1000;
}
#define MONOTONIC 1
#define BOOTTIME 7

static void rest(u32 milliseconds)
{
    i64 time[2] = {milliseconds / 1000, (i64)(milliseconds % 1000) * 1000000};
    S2(SYS_nanosleep, time, 0);
}

static u64 rate(u64 bytes, u64 since)
{
    u64 passed = microseconds(MONOTONIC) - since;
    return bytes / (passed ? passed : 1); /* bytes in a microsecond: megabytes in a second */
}

/* ---- the witness ---- */

static void witness(void)
{
    u32 a = 1, b, c, d, mix = key;
    char signature[13];
    for (int at = 0; at < 16; at++)
        mix = (mix ^ (u8)nonce[at]) * 0x01000193u;
    text("KVMREADY1 ");
    text(nonce);
    text(" ");
    hexadecimal(mix);
    text(" ");
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    if (c >> 31) {
        a = 0x40000000;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
        memcpy(signature, &b, 4);
        memcpy(signature + 4, &c, 4);
        memcpy(signature + 8, &d, 4);
        signature[12] = 0;
        text(signature);
    } else {
        text("-");
    }
    text("\r\n");
}

/* ---- measured work: the same here and on the host ---- */

#define TURNS 5000000u
#define AREA (16u << 20)
#define BLOCK (1u << 20)

static u64 area(void)
{
    /* PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS */
    return (u64)S6(SYS_mmap, 0, 2 * AREA, 3, 0x22, -1, 0);
}

/* The best of some rounds: what disturbs a round only ever makes it slower. */

static void work_cpu(void)
{
    u64 value = key | 1, best = ~0ul;
    for (int round = 0; round < 3; round++) {
        u64 since = microseconds(MONOTONIC);
        for (u32 turn = 0; turn < TURNS; turn++)
            value = value * 6364136223846793005ul + 1442695040888963407ul;
        __asm__ volatile("" : "+r"(value));
        u64 passed = microseconds(MONOTONIC) - since;
        best = passed < best ? passed : best;
    }
    begin("cpu");
    number(best * 1000 / (TURNS / 1000)); /* picoseconds a turn */
    end();
}

static void work_memory(u64 buffer)
{
    u64 since = microseconds(MONOTONIC), best = 0;
    for (u32 at = 0; at < 2 * AREA; at += 4096)
        *(volatile u8 *)(buffer + at) = 1;
    u64 faults = (microseconds(MONOTONIC) - since) * 1000 / (2 * AREA / 4096);
    for (int round = 0; round < 4; round++) {
        void *from = (void *)buffer, *to = (void *)(buffer + AREA);
        u64 count = AREA / 8, quick;
        since = microseconds(MONOTONIC);
        __asm__ volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
        quick = rate(AREA, since);
        best = quick > best ? quick : best;
    }
    begin("memory");
    number(best); /* megabytes copied in a second */
    text(" ");
    number(faults); /* nanoseconds for the first touch of a page */
    end();
}

static void work_disk(const char *path, u64 buffer, int direct)
{
    i64 file = -1;
    for (int tries = 0; tries < 100 && file < 0; tries++) {
        if (tries)
            rest(50);
        file = S3(SYS_open, path, 2 | (direct ? 040000 : 0), 0); /* O_RDWR, O_DIRECT */
    }
    begin("disk");
    if (file < 0) {
        text("- -");
        end();
        return;
    }
    u64 moved = 0, since = microseconds(MONOTONIC);
    while (moved < AREA) {
        i64 count = S3(SYS_write, file, buffer + moved, BLOCK);
        if (count <= 0)
            break;
        moved += (u64)count;
    }
    S1(SYS_fsync, file);
    number(rate(moved, since));
    text(" ");
    S3(SYS_lseek, file, 0, 0);
    moved = 0;
    since = microseconds(MONOTONIC);
    while (moved < AREA) {
        i64 count = S3(SYS_read, file, buffer + AREA + moved, BLOCK);
        if (count <= 0)
            break;
        moved += (u64)count;
    }
    number(rate(moved, since));
    end();
    S1(SYS_close, file);
}

/* ---- the network: one interface, an address by DHCP (RFC 2131) ---- */

struct address {
    u16 family, port;
    u32 ip;
    u8 zero[8];
};

struct interface { /* struct ifreq */
    char name[16];
    union {
        struct address address;
        u16 flags;
        int index;
        struct {
            u16 family;
            u8 bytes[14];
        } hardware;
        u8 room[24];
    } of;
};

static struct interface nic;
static u8 mac[6];
static u8 packet[576];
static i64 channel = -1;

#define SWAP16(x) ((u16)(((x) & 255) << 8 | (x) >> 8))

static int find_interface(void)
{
    i64 socket = S3(SYS_socket, 2, 2, 0);
    int found = 0;
    for (int index = 1; index < 64 && !found; index++) {
        struct interface one;
        memset(&one, 0, sizeof one);
        one.of.index = index;
        if (S3(SYS_ioctl, socket, 0x8910, &one) < 0) /* SIOCGIFNAME */
            continue;
        S3(SYS_ioctl, socket, 0x8913, &one); /* SIOCGIFFLAGS */
        int loopback = one.of.flags & 8;
        one.of.flags |= 1; /* IFF_UP */
        S3(SYS_ioctl, socket, 0x8914, &one);
        if (loopback || S3(SYS_ioctl, socket, 0x8927, &one) < 0 || one.of.hardware.family != 1) /* Ethernet */
            continue;
        memcpy(mac, one.of.hardware.bytes, 6);
        nic = one;
        found = 1;
    }
    S1(SYS_close, socket);
    return found;
}

static u8 *option(u8 *at, u8 kind, u8 size, const void *value)
{
    *at++ = kind;
    *at++ = size;
    memcpy(at, value, size);
    return at + size;
}

static void dhcp_send(u8 kind, u32 offered, u32 server)
{
    struct address to = {2, SWAP16(67), 0xffffffff, {0}};
    memset(packet, 0, sizeof packet);
    packet[0] = 1;  /* BOOTREQUEST */
    packet[1] = 1;  /* Ethernet */
    packet[2] = 6;
    memcpy(packet + 4, &key, 4);
    if (kind == 7)
        memcpy(packet + 12, &offered, 4); /* the address that is given back */
    packet[10] = 0x80; /* the answer by broadcast: there is no address yet to send it to */
    memcpy(packet + 28, mac, 6);
    memcpy(packet + 236, "\x63\x82\x53\x63", 4);
    u8 *at = option(packet + 240, 53, 1, &kind);
    if (kind == 3) {
        at = option(at, 50, 4, &offered);
    }
    if (kind != 1)
        at = option(at, 54, 4, &server);
    at = option(at, 55, 2, "\x01\x03");
    *at = 255;
    S6(SYS_sendto, channel, packet, 300, 0, &to, sizeof to);
}

/* Waits for an answer of that kind; gives the address offered, 0 when none came in time. */
static u32 dhcp_answer(u8 wanted, int milliseconds, u32 *server, u32 *mask)
{
    u64 limit = microseconds(MONOTONIC) + (u64)milliseconds * 1000;
    for (;;) {
        u64 now = microseconds(MONOTONIC);
        struct {
            int descriptor;
            short events, happened;
        } ready = {(int)channel, 1, 0};
        if (now >= limit || S3(SYS_poll, &ready, 1, (limit - now) / 1000 + 1) <= 0)
            return 0;
        i64 size = S6(SYS_recvfrom, channel, packet, sizeof packet, 0, 0, 0);
        u32 number, ip;
        u8 kind = 0;
        if (size < 244 || packet[0] != 2)
            continue;
        memcpy(&number, packet + 4, 4);
        memcpy(&ip, packet + 16, 4);
        if (number != key)
            continue;
        for (i64 at = 240; at + 1 < size && packet[at] != 255;) {
            if (!packet[at]) {
                at++;
                continue;
            }
            u8 size_of = packet[at + 1];
            if (at + 2 + size_of > size)
                break;
            if (packet[at] == 53)
                kind = packet[at + 2];
            if (packet[at] == 54 && size_of == 4)
                memcpy(server, packet + at + 2, 4);
            if (packet[at] == 1 && size_of == 4)
                memcpy(mask, packet + at + 2, 4);
            at += 2 + size_of;
        }
        if (kind == wanted)
            return ip;
    }
}

static int dhcp_begin(void)
{
    struct address any = {2, SWAP16(68), 0, {0}};
    int one = 1;
    for (int tries = 0; tries < 100 && !find_interface(); tries++)
        rest(50);
    if (!nic.name[0])
        return 0;
    channel = S3(SYS_socket, 2, 2, 0);
    S5(SYS_setsockopt, channel, 1, 6, &one, sizeof one); /* SO_BROADCAST */
    S5(SYS_setsockopt, channel, 1, 25, nic.name, 16);    /* SO_BINDTODEVICE */
    if (S3(SYS_bind, channel, &any, sizeof any) < 0)
        return 0;
    dhcp_send(1, 0, 0);
    return 1;
}

static u32 lease_server;

static u32 dhcp_end(void)
{
    u32 ip = 0, server = 0, mask = 0xffffff;
    for (int tries = 0; tries < 60; tries++) {
        if (tries && !ip)
            dhcp_send(1, 0, 0);
        ip = dhcp_answer(2, 4000, &server, &mask);
        if (!ip)
            continue;
        dhcp_send(3, ip, server);
        u32 given = dhcp_answer(5, 2000, &server, &mask);
        if (!given)
            continue;
        struct address own = {2, 0, given, {0}};
        i64 socket = S3(SYS_socket, 2, 2, 0);
        nic.of.address = own;
        S3(SYS_ioctl, socket, 0x8916, &nic); /* SIOCSIFADDR */
        own.ip = mask;
        nic.of.address = own;
        S3(SYS_ioctl, socket, 0x891c, &nic); /* SIOCSIFNETMASK */
        S1(SYS_close, socket);
        lease_server = server;
        return given;
    }
    return 0;
}

/* ---- answers ---- */

static int asks(const char *said, i64 size, const char *verb)
{
    u64 words = length(verb);
    if (size < (i64)words + 17 || said[words] != ' ')
        return 0;
    for (u64 at = 0; at < words; at++)
        if (said[at] != verb[at])
            return 0;
    for (int at = 0; at < 16; at++)
        if (said[words + 1 + (u64)at] != nonce[at])
            return 0;
    return 1;
}

static void serve(u32 ip, u16 port, u64 buffer)
{
    struct address own = {2, SWAP16(port), ip, {0}};
    int one = 1, size = sizeof own;
    i64 listener = S3(SYS_socket, 2, 1, 0);
    S5(SYS_setsockopt, listener, 1, 2, &one, sizeof one); /* SO_REUSEADDR */
    if (S3(SYS_bind, listener, &own, sizeof own) < 0 || S2(SYS_listen, listener, 4) < 0) {
        begin("deaf");
        end();
        return;
    }
    S3(SYS_getsockname, listener, &own, &size);
    begin("ready");
    number(SWAP16(own.port));
    text(" ");
    number(microseconds(BOOTTIME));
    end();
    for (;;) {
        i64 limit[2] = {5, 0};
        char said[64];
        i64 peer = S3(SYS_accept, listener, 0, 0);
        if (peer < 0)
            continue;
        S5(SYS_setsockopt, peer, 1, 20, limit, sizeof limit); /* SO_RCVTIMEO */
        S5(SYS_setsockopt, peer, 1, 21, limit, sizeof limit); /* SO_SNDTIMEO */
        i64 count = S6(SYS_recvfrom, peer, said, sizeof said, 0, 0, 0);
        if (asks(said, count, "HELLO")) {
            used = 0;
            witness();
            S6(SYS_sendto, peer, line, used, 0x4000, 0, 0); /* MSG_NOSIGNAL */
        } else if (asks(said, count, "SEND")) {
            u64 sent = 0;
            while (sent < AREA) {
                i64 part = S6(SYS_sendto, peer, buffer + sent, AREA - sent, 0x4000, 0, 0);
                if (part <= 0)
                    break;
                sent += (u64)part;
            }
        } else if (asks(said, count, "BYE")) {
            S1(SYS_close, peer);
            return;
        }
        S1(SYS_close, peer);
    }
}

/* ---- the beginning ---- */

static void show_file(const char *what, const char *path)
{
    char content[64];
    i64 file = S3(SYS_open, path, 0, 0);
    i64 size = file < 0 ? 0 : S3(SYS_read, file, content, sizeof content - 1);
    if (file >= 0)
        S1(SYS_close, file);
    while (size > 0 && content[size - 1] == '\n')
        size--;
    content[size > 0 ? size : 0] = 0;
    begin(what);
    text(size > 0 ? content : "-");
    end();
}

static void modules(void)
{
    char path[] = "/modules/00";
    for (int at = 0; at < 100; at++) {
        path[9] = (char)('0' + at / 10);
        path[10] = (char)('0' + at % 10);
        i64 file = S3(SYS_open, path, 0, 0);
        if (file < 0)
            return;
        i64 result = S3(SYS_finit_module, file, "", 0);
        if (result < 0)
            result = S3(SYS_finit_module, file, "", 4); /* MODULE_INIT_COMPRESSED_FILE */
        if (result < 0 && result != -17) {
            begin("module");
            number((u64)at);
            text(" ");
            number((u64)-result);
            end();
        }
        S1(SYS_close, file);
    }
}

static u64 decimal(const char *digits)
{
    u64 value = 0;
    while (*digits >= '0' && *digits <= '9')
        value = value * 10 + (u64)(*digits++ - '0');
    return value;
}

static u32 digits(const char *at)
{
    u32 value = 0;
    for (; *at; at++)
        value = value << 4 | (u32)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return value;
}

static int run(int count, char **words)
{
    u64 now = microseconds(BOOTTIME), began = count > 5 ? decimal(words[5]) : now;
    int first = S1(SYS_getpid, 0) == 1, host = count > 1 && same(words[1], "host");
    if (count < 5 || length(words[2]) != 16 || length(words[3]) != 8)
        return 2;
    memcpy(nonce, words[2], 17);
    key = digits(words[3]);
    if (first) {
        S5(SYS_mount, "proc", "/proc", "proc", 0, 0);
        S5(SYS_mount, "sysfs", "/sys", "sysfs", 0, 0);
        S5(SYS_mount, "devtmpfs", "/dev", "devtmpfs", 0, 0);
    }
    if (!host) {
        begin("up");
        number(now);
        text(" ");
        number(began);
        end();
    }
    if (first)
        modules();
    u64 buffer = area();
    int asked = first && dhcp_begin();
    u32 ip = 0;
    u64 since = microseconds(BOOTTIME);
    if (!host) {
        begin("asked");
        number(since);
        end();
        show_file("kernel", "/proc/sys/kernel/osrelease");
    }
    work_cpu();
    work_memory(buffer);
    work_disk(words[4], buffer, !host);
    if (first) {
        ip = asked ? dhcp_end() : 0;
        begin("address");
        if (ip)
            address_text(ip);
        else
            text(nic.name[0] ? "none" : "no-interface");
        text(" ");
        number(microseconds(BOOTTIME) - since);
        end();
    }
    if (!host) { /* only now: a kernel may change its clock a second after its start */
        show_file("clock", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
        show_file("clocks", "/sys/devices/system/clocksource/clocksource0/available_clocksource");
    }
    begin("witness");
    witness();
    S3(SYS_write, 1, line, used);
    serve(host ? 0x0100007f : 0, host ? 0 : 7717, buffer);
    if (ip) {
        dhcp_send(7, ip, lease_server); /* DHCPRELEASE: the host's list of leases is as it was */
        rest(50);
    }
    if (first)
        S5(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0, 0);
    return 0;
}

void begin_program(i64 *stack)
{
    int status = run((int)stack[0], (char **)(stack + 1));
    if (S1(SYS_getpid, 0) == 1)
        for (;;)
            rest(1000);
    S1(SYS_exit, status);
}

__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tmovq %rsp, %rdi\n\tandq $-16, %rsp\n\tcall begin_program\n");
