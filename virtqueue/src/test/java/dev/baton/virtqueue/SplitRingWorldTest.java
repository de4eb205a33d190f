package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every sequence of steps in a small world: rings of 1, 2 and 4 chains whose indices are about to wrap, against a
 * model whose indices never do.
 *
 * <p>Driver steps: add and publish one chain, poll one used chain, ask for calls. Device steps: use one chain and
 * publish, use all and publish, ask for kicks. After each step both sides must be where the model is, and each
 * notification must be exactly the due one: never missed, never in vain.
 */
class SplitRingWorldTest {
    private static final int STEPS = 6;
    private static final int DEPTH = 6;

    private final TestGuest guest = new TestGuest(1 << 16);
    private final ChainBurst burst = new ChainBurst(8, 1024);
    private final long buffer = guest.allocate(64);

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    @ParameterizedTest
    @CsvSource({"1,65534,true", "1,65534,false", "2,65533,true", "2,65535,false", "4,65532,true", "4,65534,false"})
    void everySequenceOfStepsEndsWhereTheModelEnds(int size, int firstIndex, boolean eventIdx) {
        long features = Features.VERSION_1 | (eventIdx ? Features.EVENT_IDX : 0);
        VirtqueueLayout layout = guest.ring(size);
        int sequences = (int) Math.pow(STEPS, DEPTH);
        for (int sequence = 0; sequence < sequences; sequence++) {
            World world = new World(layout, features, firstIndex);
            for (int code = sequence, i = 0; i < DEPTH; i++, code /= STEPS) {
                world.step(code % STEPS);
            }
            world.finish();
        }
    }

    private final class World {
        private final VirtqueueDriver driver;
        private final SplitVirtqueue device;
        private final boolean eventIdx;
        private final int size;
        private final ArrayDeque<Integer> available = new ArrayDeque<>();
        private final ArrayDeque<Integer> used = new ArrayDeque<>();
        private int added;
        private int consumed;
        private int polled;
        private int seen;
        private int callAt;
        private int kickAt;

        World(VirtqueueLayout layout, long features, int firstIndex) {
            size = layout.size();
            eventIdx = (features & Features.EVENT_IDX) != 0;
            driver = VirtqueueDriver.of(layout, features, firstIndex);
            device = new SplitVirtqueue(layout, guest.memory(), features,
                new QueueState(firstIndex, firstIndex, firstIndex));
        }

        void step(int step) {
            switch (step) {
                case 0 -> add();
                case 1 -> poll();
                case 2 -> askForCalls();
                case 3 -> use(1);
                case 4 -> use(size);
                default -> askForKicks();
            }
        }

        private void add() {
            int id = driver.addReadable(buffer, 12 + (added & 31));
            assertThat(id >= 0).isEqualTo(available.size() + used.size() < size);
            boolean due = driver.publish();
            if (id < 0) {
                assertThat(due).isFalse();
                return;
            }
            available.add(id);
            added++;
            assertThat(due).as("kick").isEqualTo(!eventIdx || kickAt == added - 1);
        }

        private void poll() {
            int id = driver.pollUsed();
            if (used.isEmpty()) {
                assertThat(id).isEqualTo(-1);
                return;
            }
            assertThat(id).isEqualTo(used.remove());
            assertThat(driver.usedBytes()).as("length of used chain").isEqualTo(polled++);
        }

        private void askForCalls() {
            assertThat(driver.enableNotifications()).isEqualTo(!used.isEmpty());
            callAt = polled;
        }

        private void use(int most) {
            int count = device.fetchReadable(burst, most);
            seen = added;
            assertThat(count).isEqualTo(Math.min(most, available.size()));
            assertThat(device.fetchedAll()).isEqualTo(count == available.size());
            int before = consumed;
            for (int i = 0; i < count; i++) {
                assertThat(burst.head(i)).isEqualTo(available.remove());
                assertThat(burst.lengthBytes(i)).isEqualTo(12 + (consumed & 31));
                used.add(burst.head(i));
                device.use(burst.head(i), consumed++);
            }
            boolean due = eventIdx ? callAt >= before && callAt < consumed : count > 0;
            assertThat(device.publish()).as("call").isEqualTo(due);
        }

        private void askForKicks() {
            assertThat(device.enableNotifications()).isEqualTo(added != seen);
            kickAt = seen;
        }

        void finish() {
            use(size);
            while (!used.isEmpty()) {
                poll();
            }
            assertThat(driver.pollUsed()).isEqualTo(-1);
            assertThat(driver.freeDescriptors()).isEqualTo(size);
            assertThat(device.fault()).isNull();
            QueueState state = device.state();
            assertThat(state.lastAvailIdx()).isEqualTo(state.usedIdx());
        }
    }
}
