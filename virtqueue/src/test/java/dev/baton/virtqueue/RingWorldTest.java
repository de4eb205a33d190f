package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Everything that can happen in a small world: rings of 1 to 4 entries whose positions wrap on the way, with both
 * sides' steps in any order ({@link RingWorld}).
 */
class RingWorldTest {
    private final TestGuest guest = new TestGuest(1 << 16);

    @AfterEach
    void freeMemory() {
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"1,65533,event-idx,8,1", "1,65534,plain,8,1", "2,65533,event-idx,8,1", "2,65535,event-idx,8,1",
        "2,65534,plain,8,1", "4,65534,event-idx,7,1", "4,65531,plain,8,1", "4,65534,event-idx,7,1 2 1 3",
        "2,65535,event-idx+indirect,6,2 1", "4,65534,event-idx+in-order,5,1 2", "2,65535,plain+in-order,6,1"})
    void everyOrderOfStepsOnASplitRing(int size, int first, String features, int chains, String segments) {
        assertThat(RingWorld.explore(WorldPlan.of(RingFormat.SPLIT, size, first, features, chains, segments, false),
            guest)).isGreaterThan(100);
    }

    @ParameterizedTest
    @CsvSource({"1,0x8000,event-idx,8,1", "1,0,plain,8,1", "2,0x8001,event-idx,8,1", "2,0,plain,8,1",
        "2,1,event-idx,8,1 2", "3,0x8002,event-idx,7,1", "3,1,event-idx,7,2 1 3", "3,0x8000,plain,8,1 2",
        "4,0x8003,event-idx,7,1", "4,2,event-idx,7,1 2 1 3", "4,0x8001,plain,8,1 3",
        "3,0x8002,event-idx+indirect,6,2 1", "4,0x8002,event-idx+in-order,5,1 2", "3,2,plain+in-order,6,1 1 2",
        "2,0x8001,event-idx+in-order,6,1"})
    void everyOrderOfStepsOnAPackedRing(int size, String first, String features, int chains, String segments) {
        assertThat(RingWorld.explore(WorldPlan.of(RingFormat.PACKED, size, Integer.decode(first), features, chains,
            segments, false), guest)).isGreaterThan(100);
    }

    @ParameterizedTest
    @CsvSource({"SPLIT,2,65535,event-idx,5,1", "SPLIT,4,65534,plain,5,1 2", "SPLIT,2,65534,plain+in-order,4,1",
        "PACKED,1,0x8000,event-idx,6,1", "PACKED,2,0x8001,event-idx,5,1", "PACKED,2,0,plain,6,1 2",
        "PACKED,3,0x8002,event-idx,5,1 2", "PACKED,3,1,plain,6,2 1 3", "PACKED,4,0x8003,plain,5,1",
        "PACKED,4,2,plain,6,2 1 1", "PACKED,4,0x8001,plain,6,3 1", "PACKED,3,2,plain+indirect,6,2 1",
        "PACKED,2,0x8001,plain+in-order,5,1", "PACKED,3,1,plain+in-order,3,1", "PACKED,4,0x8002,plain+in-order,4,1 2"})
    void everyDeathOfAnOwner(RingFormat format, int size, String first, String features, int chains, String segments) {
        assertThat(RingWorld.explore(WorldPlan.of(format, size, Integer.decode(first), features, chains, segments,
            true), guest)).isGreaterThan(100);
    }
}
