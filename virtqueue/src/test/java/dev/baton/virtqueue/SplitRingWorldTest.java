package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Everything that can happen in a small world: split rings of 1, 2 and 4 entries whose indices wrap on the way, with
 * both sides' steps in any order ({@link RingWorld}).
 */
class SplitRingWorldTest {
    private final TestGuest guest = new TestGuest(1 << 16);

    @AfterEach
    void freeMemory() {
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"1,65533,true", "1,65534,false", "2,65533,true", "2,65535,true", "2,65534,false", "4,65534,true",
        "4,65531,false"})
    void everyOrderOfStepsLeadsWhereTheModelGoes(int size, int firstIndex, boolean eventIdx) {
        int states = RingWorld.explore(new Split(guest, guest.ring(size), firstIndex,
            Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0)));
        assertThat(states).isGreaterThan(100);
    }

    /** The two sides of a split ring. */
    private record Split(TestGuest guest, VirtqueueLayout layout, int firstIndex, long features)
        implements RingWorld.Maker {
        @Override
        public VirtqueueDriver driver() {
            return VirtqueueDriver.of(layout, features, firstIndex);
        }

        @Override
        public Virtqueue device() {
            return nextOwner(new QueueState(firstIndex, firstIndex, firstIndex));
        }

        @Override
        public Virtqueue nextOwner(QueueState state) {
            return new SplitVirtqueue(layout, guest.memory(), features, state);
        }

        @Override
        public boolean eventIdx() {
            return (features & Features.EVENT_IDX) != 0;
        }
    }
}
