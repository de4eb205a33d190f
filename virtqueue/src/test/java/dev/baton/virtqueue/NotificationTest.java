package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is told when, by flags and by EVENT_IDX. */
class NotificationTest {
    private static final int SIZE = 4;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final ChainBurst burst = new ChainBurst(8, 1024);
    private final VirtqueueLayout layout = guest.ring(SIZE);
    private final long buffer = guest.allocate(64);

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"0,1,0,true", "0,1,1,false", "0,4,3,true", "0,4,4,false", "65534,1,65534,true", "65534,1,65535,true",
        "65534,1,0,true", "65534,1,1,false", "65534,1,65533,false", "5,5,5,false", "5,5,4,false"})
    void anIndexPassesAnEventInThe16BitRing(int before, int now, int event, boolean passed) {
        assertThat(SplitVirtqueue.passed(event, now, before)).isEqualTo(passed);
        assertThat(SplitVirtqueue.passed((short) event, now, before)).isEqualTo(passed);
    }

    @Test
    void withFlagsNobodyIsToldWhileTheOtherSaysNo() {
        long features = Features.VERSION_1;
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        SplitVirtqueue device = guest.split(layout, features);
        device.disableNotifications();
        driver.disableNotifications();
        for (int round = 0; round < 3; round++) {
            driver.addReadable(buffer, 20);
            assertThat(driver.publish()).isFalse();
            assertThat(useAll(device)).isFalse();
            driver.pollUsed();
        }
        assertThat(device.enableNotifications()).isFalse();
        assertThat(driver.enableNotifications()).isFalse();
        driver.addReadable(buffer, 20);
        assertThat(driver.publish()).isTrue();
        assertThat(useAll(device)).isTrue();
    }

    @Test
    void withEventIdxASleeperIsToldOnce() {
        long features = Features.VERSION_1 | Features.EVENT_IDX;
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features, 65535);
        SplitVirtqueue device = new SplitVirtqueue(layout, guest.memory(), features,
            new QueueState(65535, 65535, 65535));
        device.enableNotifications();
        driver.enableNotifications();
        driver.addReadable(buffer, 20);
        assertThat(driver.publish()).isTrue();
        driver.addReadable(buffer, 20);
        assertThat(driver.publish()).isFalse();
        assertThat(useAll(device)).isTrue();
        driver.addReadable(buffer, 20);
        assertThat(driver.publish()).isFalse();
        assertThat(useAll(device)).isFalse();
        while (driver.pollUsed() >= 0) {
            assertThat(driver.usedBytes()).isZero();
        }
        driver.enableNotifications();
        driver.addReadable(buffer, 20);
        driver.publish();
        assertThat(useAll(device)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatCameInBetweenIsSeenWhenEnabling(boolean eventIdx) {
        long features = Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        SplitVirtqueue device = guest.split(layout, features);
        assertThat(device.fetchReadable(burst, 8)).isZero();
        driver.addReadable(buffer, 20);
        driver.publish();
        assertThat(device.enableNotifications()).as("device").isTrue();
        assertThat(driver.enableNotifications()).isFalse();
        useAll(device);
        assertThat(driver.enableNotifications()).as("driver").isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whoHasTooFewBuffersIsToldOfTheNext(boolean eventIdx) {
        long features = Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0);
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        SplitVirtqueue device = guest.split(layout, features);
        driver.addWritable(buffer, 20);
        driver.publish();
        assertThat(device.fetchWritable(burst, 8, 1000)).isEqualTo(1);
        assertThat(device.enableNotifications()).as("nothing new").isFalse();
        driver.addWritable(buffer, 20);
        assertThat(driver.publish()).as("kick for the second buffer").isTrue();
    }

    @Test
    void afterAChangeOfOwnerTheDriverIsToldWithoutNeed() {
        long features = Features.VERSION_1 | Features.EVENT_IDX;
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features, 7);
        driver.addReadable(buffer, 20);
        driver.publish();
        SplitVirtqueue device =
            new SplitVirtqueue(layout, guest.memory(), features, new QueueState(7, 7, QueueState.UNSIGNALLED));
        assertThat(device.publish()).isTrue();
        assertThat(device.publish()).isFalse();
    }

    private boolean useAll(SplitVirtqueue device) {
        int count = device.fetchReadable(burst, 8);
        for (int i = 0; i < count; i++) {
            device.use(burst.head(i), 0);
        }
        return device.publish();
    }
}
