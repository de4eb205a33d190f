package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.baton.ffi.RawMemory;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Frames cost no allocation, on either side, plain, chained and indirect. */
class VirtqueueAllocationTest {
    private static final int SIZE = 64;
    private static final int WARM_UP_BURSTS = 20_000;
    private static final int BURSTS = 10_000;

    private final TestGuest guest = new TestGuest(1 << 20);
    private final ChainBurst burst = new ChainBurst(32, 1024);
    private final long[] addresses = new long[2];
    private final int[] lengths = {12, 64};

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"SPLIT,plain", "SPLIT,chained", "SPLIT,indirect", "PACKED,plain", "PACKED,chained", "PACKED,indirect"})
    void nothingIsAllocatedPerFrame(RingFormat format, String shape) {
        long features = Features.VERSION_1 | Features.EVENT_IDX | Features.INDIRECT_DESC;
        VirtqueueLayout layout = guest.ring(format, SIZE);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        if (shape.equals("indirect")) {
            long tables = guest.allocate(VirtqueueDriver.indirectTableBytes(SIZE, 2));
            driver.useIndirectTables(guest.host(tables), tables, 2);
        }
        Virtqueue device = guest.device(layout, features);
        addresses[0] = guest.allocate(12);
        addresses[1] = guest.allocate(64);
        int segments = shape.equals("plain") ? 1 : 2;

        run(driver, device, segments, WARM_UP_BURSTS);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        long moved = run(driver, device, segments, BURSTS);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(moved).isEqualTo(BURSTS * 32L);
        // The counting itself may allocate once; a frame may not.
        assertThat(allocated).isLessThan(BURSTS);
    }

    private long run(VirtqueueDriver driver, Virtqueue device, int segments, int bursts) {
        long moved = 0;
        for (int b = 0; b < bursts; b++) {
            for (int i = 0; i < 32; i++) {
                driver.addReadable(addresses, lengths, segments);
            }
            driver.publish();
            int count = device.fetchReadable(burst, 32);
            for (int i = 0; i < count; i++) {
                long base = burst.segmentBase(burst.firstSegment(i));
                moved += RawMemory.getByte(base) == 0 ? 1 : 0;
                device.use(burst.head(i), 0);
            }
            device.publish();
            device.enableNotifications();
            device.disableNotifications();
            driver.enableNotifications();
            while (driver.pollUsed() >= 0) {
                moved += driver.usedBytes();
            }
        }
        return moved;
    }
}
