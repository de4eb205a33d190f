/*
 * A plain loop over write(2) or read(2) on a TAP: what the kernel takes for a frame when nothing is done besides.
 * A peer of the benchmark; no part of Baton.
 *
 *   tap-loop NAME BUFFERS write FILE    writes the Ethernet frame that is in the file
 *   tap-loop NAME BUFFERS read          reads and forgets
 *
 * The frames lie in so many buffers in turn, as far apart as DPDK's: one stays in the core's own cache.
 *
 * Makes the TAP in the network namespace that it is in, says "ready", and for each line of its input, a number of
 * milliseconds, works that long and says "frames F busy B of T": B nanoseconds of rounds that moved frames, out of T.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 12, ROUND = 64, BUFFER = 2304 };

static char *buffers;
static int count, turn;

static char *next_buffer(void)
{
    char *buffer = buffers + (size_t)turn * BUFFER;

    turn = turn + 1 < count ? turn + 1 : 0;
    return buffer;
}

static void fail(const char *what)
{
    fprintf(stderr, "tap-loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* As Baton opens it: frames with a header of 12 bytes, no offloads, calls that do not wait. */
static int open_tap(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    int header = HEADER;
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    int control = socket(AF_INET, SOCK_DGRAM, 0);

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (tap < 0 || control < 0 || ioctl(tap, TUNSETIFF, &request) < 0 || ioctl(tap, TUNSETVNETHDRSZ, &header) < 0)
        fail("cannot make the TAP");
    if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
        fail("SIOCGIFFLAGS");
    request.ifr_flags |= IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        fail("SIOCSIFFLAGS");
    close(control);
    return tap;
}

static int write_round(int tap, int length)
{
    for (int i = 0; i < ROUND; i++)
        if (write(tap, next_buffer(), length) != length)
            fail("write");
    return ROUND;
}

static int read_round(int tap)
{
    int frames = 0;

    while (frames < ROUND && read(tap, next_buffer(), BUFFER) > 0)
        frames++;
    if (frames < ROUND && errno != EAGAIN)
        fail("read");
    return frames;
}

int main(int argc, char **argv)
{
    int writes = argc == 5 && !strcmp(argv[3], "write");
    int length = HEADER;
    char line[64];

    count = argc > 2 ? atoi(argv[2]) : 0;
    if (count < 1 || (!writes && (argc != 4 || strcmp(argv[3], "read")))) {
        fprintf(stderr, "usage: tap-loop NAME BUFFERS write FILE | tap-loop NAME BUFFERS read\n");
        return 2;
    }
    buffers = calloc(count, BUFFER);
    if (!buffers)
        fail("no memory");
    int tap = open_tap(argv[1]);
    if (writes) {
        FILE *file = fopen(argv[4], "r");
        if (!file)
            fail(argv[4]);
        length += fread(buffers + HEADER, 1, BUFFER - HEADER, file);
        for (int i = 1; i < count; i++)
            memcpy(buffers + (size_t)i * BUFFER, buffers, length);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    while (fgets(line, sizeof line, stdin)) {
        long long frames = 0, busy = 0, began = now(), at = began, end = began + atoll(line) * 1000000LL;

        while (at < end) {
            int moved = writes ? write_round(tap, length) : read_round(tap);
            long long then = at;
            at = now();
            frames += moved;
            busy += moved ? at - then : 0;
        }
        printf("frames %lld busy %lld of %lld\n", frames, busy, at - began);
    }
    return 0;
}
