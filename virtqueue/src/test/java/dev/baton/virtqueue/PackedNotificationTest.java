package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who is told when, on a packed ring. */
class PackedNotificationTest {
    private static final int SIZE = 4;
    private static final long PLAIN = Features.VERSION_1 | Features.RING_PACKED;
    private static final long EVENTS = PLAIN | Features.EVENT_IDX;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final ChainBurst burst = new ChainBurst(8, 1024);
    private final VirtqueueLayout layout = guest.ring(RingFormat.PACKED, SIZE);
    private final long buffer = guest.allocate(64);

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"0x8000,0x8001,0x8000,true", "0x8000,0x8001,0x8001,false", "0x8003,1,0,true", "0x8003,1,1,false",
        "0x8003,1,0x8003,true", "0x8003,1,0x8002,false", "3,0x8001,0x8000,true", "0x8000,0,0x8003,true",
        "0x8000,0,0,false", "0x8000,2,0x8001,true"})
    void aPositionPassesAnEvent(String before, String now, String event, boolean passed) {
        assertThat(PackedVirtqueue.passed(Integer.decode(event), Integer.decode(now), Integer.decode(before), SIZE))
            .isEqualTo(passed);
    }

    @Test
    void withoutEventIdxNobodyIsToldWhileTheOtherSaysNo() {
        VirtqueueDriver driver = VirtqueueDriver.of(layout, PLAIN);
        Virtqueue device = guest.device(layout, PLAIN);
        device.disableNotifications();
        driver.disableNotifications();
        for (int round = 0; round < 3; round++) {
            driver.addReadable(buffer, 20);
            assertThat(driver.publish()).isFalse();
            assertThat(useAll(device)).isFalse();
            assertThat(driver.pollUsed()).isNotNegative();
        }
        assertThat(device.enableNotifications()).isFalse();
        assertThat(driver.enableNotifications()).isFalse();
        driver.addReadable(buffer, 20);
        assertThat(driver.publish()).isTrue();
        assertThat(useAll(device)).isTrue();
    }

    @Test
    void withEventIdxASleeperIsToldOnce() {
        VirtqueueDriver driver = VirtqueueDriver.of(layout, EVENTS, 0x8003);
        Virtqueue device = Virtqueue.of(layout, guest.memory(), EVENTS, new QueueState(0x8003, 0x8003, 0x8003));
        assertThat(device.enableNotifications()).isFalse();
        assertThat(driver.enableNotifications()).isFalse();
        for (int i = 0; i < 3; i++) {
            driver.addReadable(buffer, 20);
            assertThat(driver.publish()).as("kick %d", i).isEqualTo(i == 0);
        }
        assertThat(useOne(device)).isTrue();
        assertThat(useOne(device)).isFalse();
        assertThat(device.enableNotifications()).as("one is left").isTrue();
    }

    @Test
    void aModeThatWasNotNegotiatedTells() {
        VirtqueueDriver driver = VirtqueueDriver.of(layout, PLAIN);
        Virtqueue device = guest.device(layout, PLAIN);
        RawMemory.putInt(layout.availableRing(), 2 << 16);
        driver.addReadable(buffer, 20);
        driver.publish();
        assertThat(useAll(device)).isTrue();
    }

    @Test
    void aNewOwnerTellsOnce() {
        VirtqueueDriver driver = VirtqueueDriver.of(layout, EVENTS);
        Virtqueue device = guest.device(layout, EVENTS);
        driver.addReadable(buffer, 20);
        driver.publish();
        RawMemory.putInt(layout.availableRing(), 2 << 16 | 0x8003);
        assertThat(useAll(device)).as("nothing is known of the last notification").isTrue();
        driver.pollUsed();
        driver.addReadable(buffer, 20);
        driver.publish();
        assertThat(useAll(device)).isFalse();
    }

    private boolean useAll(Virtqueue device) {
        int count = device.fetchReadable(burst, 8);
        device.use(burst, 0, count);
        return device.publish();
    }

    private boolean useOne(Virtqueue device) {
        assertThat(device.fetchReadable(burst, 1)).isEqualTo(1);
        device.use(burst.head(0), 0);
        return device.publish();
    }
}
