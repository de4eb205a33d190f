package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Driver and device on two threads that sleep whenever they find nothing: every frame arrives once and in order, and
 * a notification that is missed would leave both asleep for ever.
 */
@Timeout(120)
class SplitVirtqueueConcurrencyTest {
    private static final int FRAMES = 100_000;
    private static final int FRAME_BYTES = 20;

    private final TestGuest guest = new TestGuest(1 << 20);
    private final Semaphore kick = new Semaphore(0);
    private final Semaphore call = new Semaphore(0);
    private final ExecutorService threads = Executors.newFixedThreadPool(2);

    @AfterEach
    void freeMemory() throws InterruptedException {
        threads.shutdownNow();
        assertThat(threads.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"1,true", "1,false", "2,true", "4,false", "256,true", "256,false"})
    void framesFromTheDriverArriveOnceAndInOrder(int size, boolean eventIdx) throws Exception {
        long features = Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0);
        VirtqueueLayout layout = guest.ring(size);
        SplitVirtqueueDriver driver = new SplitVirtqueueDriver(layout, features);
        SplitVirtqueue device = new SplitVirtqueue(layout, guest.memory(), features, QueueState.FRESH);
        await(threads.submit(() -> send(driver)), threads.submit(() -> receive(device)));
    }

    @ParameterizedTest
    @CsvSource({"1,true", "2,false", "4,true", "256,true", "256,false"})
    void framesFromTheDeviceArriveOnceAndInOrder(int size, boolean eventIdx) throws Exception {
        long features = Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0);
        VirtqueueLayout layout = guest.ring(size);
        SplitVirtqueueDriver driver = new SplitVirtqueueDriver(layout, features);
        SplitVirtqueue device = new SplitVirtqueue(layout, guest.memory(), features, QueueState.FRESH);
        await(threads.submit(() -> deliver(device)), threads.submit(() -> collect(driver)));
    }

    private static void await(Future<Boolean> one, Future<Boolean> other)
        throws InterruptedException, ExecutionException {
        assertThat(one.get()).isTrue();
        assertThat(other.get()).isTrue();
    }

    private boolean send(SplitVirtqueueDriver driver) throws InterruptedException {
        long buffers = guest.allocate((long) FRAME_BYTES * driver.size());
        int sent = 0;
        int back = 0;
        while (back < FRAMES) {
            while (driver.pollUsed() >= 0) {
                back++;
            }
            while (sent < FRAMES && driver.freeDescriptors() > 0) {
                long address = buffers + (long) FRAME_BYTES * (sent % driver.size());
                RawMemory.putLong(guest.host(address) + 12, sent++);
                driver.addReadable(address, FRAME_BYTES);
            }
            if (driver.publish()) {
                kick.release();
            }
            if (back < FRAMES && !driver.enableNotifications()) {
                call.acquire();
                call.drainPermits();
            }
            driver.disableNotifications();
        }
        return true;
    }

    private boolean receive(SplitVirtqueue device) throws InterruptedException {
        long next = 0;
        try (ChainBurst burst = new ChainBurst(32, 1024)) {
            while (next < FRAMES) {
                int count = device.fetchReadable(burst, 32);
                for (int i = 0; i < count; i++) {
                    assertThat(RawMemory.getLong(burst.segmentBase(i) + 12)).isEqualTo(next++);
                    device.use(burst.head(i), 0);
                }
                if (device.publish()) {
                    call.release();
                }
                if (count == 0 && !device.enableNotifications()) {
                    kick.acquire();
                    kick.drainPermits();
                    device.disableNotifications();
                }
            }
        }
        return device.fault() == null;
    }

    private boolean deliver(SplitVirtqueue device) throws InterruptedException {
        long next = 0;
        try (ChainBurst burst = new ChainBurst(32, 1024)) {
            while (next < FRAMES) {
                int count = device.fetchWritable(burst, 32, 200);
                for (int i = 0; i < count && next < FRAMES; i++) {
                    RawMemory.putLong(burst.segmentBase(i) + 12, next++);
                    device.use(burst.head(i), FRAME_BYTES);
                }
                if (device.publish()) {
                    call.release();
                }
                if (count == 0 && !device.enableNotifications()) {
                    kick.acquire();
                    kick.drainPermits();
                    device.disableNotifications();
                }
            }
        }
        return device.fault() == null;
    }

    private boolean collect(SplitVirtqueueDriver driver) throws InterruptedException {
        long buffers = guest.allocate(64L * driver.size());
        for (int i = 0; i < driver.size(); i++) {
            driver.addWritable(buffers + 64L * i, FRAME_BYTES);
        }
        long next = 0;
        while (true) {
            if (driver.publish()) {
                kick.release();
            }
            // With one-segment chains a head is always the same buffer.
            for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
                assertThat(driver.usedBytes()).isEqualTo(FRAME_BYTES);
                assertThat(RawMemory.getLong(guest.host(buffers) + 64L * head + 12)).isEqualTo(next++);
                assertThat(driver.addWritable(buffers + 64L * head, FRAME_BYTES)).isEqualTo(head);
            }
            if (driver.publish()) {
                kick.release();
            }
            if (next == FRAMES) {
                return true;
            }
            if (!driver.enableNotifications()) {
                call.acquire();
                call.drainPermits();
            }
            driver.disableNotifications();
        }
    }
}
