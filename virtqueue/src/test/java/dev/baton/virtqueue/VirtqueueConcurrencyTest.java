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
class VirtqueueConcurrencyTest {
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
    @CsvSource({"1,0", "1,EVENT", "2,EVENT", "4,0", "256,EVENT", "256,0", "256,IN_ORDER", "1,PACKED", "1,PACKED EVENT",
        "2,PACKED", "5,PACKED EVENT", "256,PACKED", "256,PACKED EVENT IN_ORDER"})
    void framesFromTheDriverArriveOnceAndInOrder(int size, String options) throws Exception {
        long features = features(options);
        VirtqueueLayout layout = guest.ring(RingFormat.of(features), size);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        Virtqueue device = guest.device(layout, features);
        await(threads.submit(() -> send(driver)), threads.submit(() -> receive(device)));
    }

    @ParameterizedTest
    @CsvSource({"1,EVENT", "2,0", "4,EVENT", "256,EVENT", "256,0", "256,IN_ORDER", "1,PACKED", "2,PACKED EVENT",
        "7,PACKED EVENT", "256,PACKED", "256,PACKED EVENT IN_ORDER"})
    void framesFromTheDeviceArriveOnceAndInOrder(int size, String options) throws Exception {
        long features = features(options);
        VirtqueueLayout layout = guest.ring(RingFormat.of(features), size);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        Virtqueue device = guest.device(layout, features);
        await(threads.submit(() -> deliver(device)), threads.submit(() -> collect(driver)));
    }

    private static long features(String options) {
        return Features.VERSION_1 | (options.contains("EVENT") ? Features.EVENT_IDX : 0)
            | (options.contains("PACKED") ? Features.RING_PACKED : 0)
            | (options.contains("IN_ORDER") ? Features.IN_ORDER : 0);
    }

    private static void await(Future<Boolean> one, Future<Boolean> other)
        throws InterruptedException, ExecutionException {
        assertThat(one.get()).isTrue();
        assertThat(other.get()).isTrue();
    }

    private boolean send(VirtqueueDriver driver) throws InterruptedException {
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

    private boolean receive(Virtqueue device) throws InterruptedException {
        long next = 0;
        try (ChainBurst burst = new ChainBurst(32, 1024)) {
            while (next < FRAMES) {
                int count = device.fetchReadable(burst, 32);
                for (int i = 0; i < count; i++) {
                    assertThat(RawMemory.getLong(burst.segmentBase(i) + 12)).isEqualTo(next++);
                }
                device.use(burst, 0, count);
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

    private boolean deliver(Virtqueue device) throws InterruptedException {
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

    private boolean collect(VirtqueueDriver driver) throws InterruptedException {
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
