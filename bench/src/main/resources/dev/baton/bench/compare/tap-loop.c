/*
 * A plain loop over write(2) or read(2) on a TAP: what the kernel takes for a frame when nothing is done besides.
 * A peer of the benchmark; no part of Baton.
 *
 *   tap-loop NAME BUFFERS write FILE        writes the Ethernet frame that is in the file
 *   tap-loop NAME BUFFERS write FILE CPU    the same, but a thread on that CPU puts it into each buffer before
 *   tap-loop NAME BUFFERS read              reads and forgets
 *
 * The frames lie in so many buffers in turn, as far apart as DPDK's: one stays in the core's own cache.
 *
 * Makes the TAP in the network namespace that it is in, says "ready", and for each line of its input, a number of
 * milliseconds, works that long and says "frames F busy B of T": B nanoseconds of rounds that moved frames, out of T.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 12, BURST = 32, ROUND = 64, BUFFER = 2304, LINE = 64 };

static char *buffers;
static int count, turn;

/* The header, which is empty, and the frame. */
static char frame[BUFFER];
static int length = HEADER;

/* Frames that the other thread has put into buffers since the start, and those that were written; each on a line. */
static struct {
    _Alignas(LINE) atomic_llong filled;
    _Alignas(LINE) atomic_llong emptied;
} shared;

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

static int write_round(int tap, int frames)
{
    for (int i = 0; i < frames; i++)
        if (write(tap, next_buffer(), length) != length)
            fail("write");
    return frames;
}

/* Writes what the other thread has put into buffers. */
static int pass_round(int tap)
{
    long long done = atomic_load_explicit(&shared.emptied, memory_order_relaxed);
    long long ready = atomic_load_explicit(&shared.filled, memory_order_acquire) - done;
    int frames = write_round(tap, ready < ROUND ? ready : ROUND);

    atomic_store_explicit(&shared.emptied, done + frames, memory_order_release);
    return frames;
}

/*
 * As a client of a back end does: header and frame into one free buffer after the other, in bursts. It has copies of
 * its own of all that does not change, so that the two threads share the buffers and two lines and nothing else.
 */
static void *fill(void *cpu)
{
    cpu_set_t cpus;
    char mine[BUFFER];
    char *const first = buffers;
    const int slots = count, bytes = length;
    long long done = 0;

    CPU_ZERO(&cpus);
    CPU_SET(atoi(cpu), &cpus);
    if (pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus))
        fail("cannot run on that CPU");
    memcpy(mine, frame, bytes);
    for (;;) {
        while (done + BURST - atomic_load_explicit(&shared.emptied, memory_order_acquire) > slots)
            __builtin_ia32_pause();
        for (int i = 0; i < BURST; i++, done++)
            memcpy(first + (size_t)(done % slots) * BUFFER, mine, bytes);
        atomic_store_explicit(&shared.filled, done, memory_order_release);
    }
    return NULL;
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

static void read_frame(const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file)
        fail(path);
    length += fread(frame + HEADER, 1, BUFFER - HEADER, file);
    fclose(file);
    for (int i = 0; i < count; i++)
        memcpy(buffers + (size_t)i * BUFFER, frame, length);
}

int main(int argc, char **argv)
{
    int writes = argc >= 5 && argc <= 6 && !strcmp(argv[3], "write");
    int passes = argc == 6;
    pthread_t filler;
    char line[64];

    count = argc > 2 ? atoi(argv[2]) : 0;
    if (count < (passes ? BURST : 1) || (!writes && (argc != 4 || strcmp(argv[3], "read")))) {
        fprintf(stderr, "usage: tap-loop NAME BUFFERS write FILE [CPU] | tap-loop NAME BUFFERS read\n");
        return 2;
    }
    buffers = calloc(count, BUFFER);
    if (!buffers)
        fail("no memory");
    int tap = open_tap(argv[1]);
    if (writes)
        read_frame(argv[4]);
    if (passes && pthread_create(&filler, NULL, fill, argv[5]))
        fail("cannot start a thread");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    while (fgets(line, sizeof line, stdin)) {
        long long frames = 0, busy = 0, began = now(), at = began, end = began + atoll(line) * 1000000LL;

        while (at < end) {
            int moved = passes ? pass_round(tap) : writes ? write_round(tap, ROUND) : read_round(tap);
            long long then = at;
            at = now();
            frames += moved;
            busy += moved ? at - then : 0;
        }
        printf("frames %lld busy %lld of %lld\n", frames, busy, at - began);
    }
    return 0;
}
