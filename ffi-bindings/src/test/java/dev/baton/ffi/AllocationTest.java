package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Hot calls make no garbage, whether they work or fail. */
@ExtendWith(NoLeaks.class)
@Timeout(120)
class AllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int CALLS_PER_ROUND = 5_000;
    /** How long the compiler may take until the call is compiled: it may have to wait for a core. */
    private static final long WARM_UP_NS = 60_000_000_000L;

    private static final int QUIET_ROUNDS = 3;

    private final Mapping memory = Mapping.anonymous(4096);
    private final IovecArray list = new IovecArray(2);
    private final EventFd event = EventFd.create();
    private final Fd zero = FileIo.open("/dev/zero", FileIo.O_RDWR, 0);
    private final Epoll epoll = Epoll.create();

    @AfterEach
    void close() {
        epoll.close();
        zero.close();
        event.close();
        list.close();
        memory.close();
    }

    @Test
    void readAndWrite() {
        int fd = zero.value();
        long address = memory.address();
        assertQuiet(() -> FileIo.read(fd, address, 64) + FileIo.write(fd, address, 64));
    }

    @Test
    void readvAndWritev() {
        int fd = zero.value();
        long address = memory.address();
        assertQuiet(() -> {
            list.set(0, address, 12);
            list.set(1, address + 64, 64);
            return FileIo.readv(fd, list.address(), 2) + FileIo.writev(fd, list.address(), 2);
        });
    }

    @Test
    void burstsThroughIoUring() {
        try (IoUring ring = IoUring.open(8, zero)) {
            long address = memory.address();
            assertQuiet(() -> {
                for (int i = 0; i < 4; i++) {
                    ring.read(address, 64);
                    ring.write(address, 64);
                }
                return (long) ring.submit() + ring.result(7);
            });
        } catch (SyscallException e) {
            Machine.needs(false, "io_uring");
        }
    }

    @Test
    void failedCalls() {
        int fd = event.fd().value();
        assertQuiet(() -> EventFd.drain(fd) + FileIo.readv(-1, list.address(), 1));
    }

    @Test
    void signalAndDrain() {
        int fd = event.fd().value();
        assertQuiet(() -> EventFd.signal(fd) + EventFd.drain(fd));
    }

    @Test
    void await() {
        epoll.add(event.fd(), Epoll.IN, 1);
        event.signal();
        assertQuiet(() -> epoll.await(0) + epoll.data(0));
    }

    @Test
    void clocks() {
        assertQuiet(() -> Clock.monotonicNs() + Clock.threadCpuNs());
    }

    @Test
    void rawMemory() {
        long address = memory.address();
        assertQuiet(() -> {
            RawMemory.putLong(address + 1, 7);
            RawMemory.putIntRelease(address + 16, RawMemory.getIntAcquire(address + 20));
            RawMemory.putShortRelease(address + 24, RawMemory.getShort(address));
            RawMemory.copy(address, address + 100, 60);
            RawMemory.fullFence();
            return RawMemory.getLongAcquire(address) + RawMemory.getByte(address + 3);
        });
    }

    @FunctionalInterface
    private interface HotCall {
        long run();
    }

    /** Warms the call up, round by round, until some rounds in a row have allocated nothing. */
    private static void assertQuiet(HotCall call) {
        int quiet = 0;
        long allocated = 0;
        long sum = 0;
        long start = System.nanoTime();
        while (quiet < QUIET_ROUNDS && System.nanoTime() - start < WARM_UP_NS) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < CALLS_PER_ROUND; i++) {
                sum += call.run();
            }
            allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
            quiet = allocated == 0 ? quiet + 1 : 0;
        }
        assertThat(quiet).as("%d bytes allocated in the last round (sum %d)", allocated, sum).isEqualTo(QUIET_ROUNDS);
    }
}
