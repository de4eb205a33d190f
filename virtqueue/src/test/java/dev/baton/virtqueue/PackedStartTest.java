package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A front end places a device somewhere in a packed ring that another device ran before. Where it can be right it is
 * believed; where it cannot, the driver gets every chain back all the same, once and in order. In rings of all small
 * sizes, from every position.
 */
class PackedStartTest {
    private static final long DIRECT = Features.VERSION_1 | Features.RING_PACKED;
    private static final long INDIRECT = DIRECT | Features.INDIRECT_DESC;
    private static final int STEPS = 60_000;

    private final TestGuest guest = new TestGuest(1 << 20);
    private final long buffer = guest.allocate(64);
    private final ChainBurst burst = new ChainBurst(8, 64);
    private final Random random = new Random(1);

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    /** A driver and its device, and what is in flight between them. */
    private final class World {
        private final int size;
        private final long features;
        private final VirtqueueLayout layout;
        private final VirtqueueDriver driver;
        private final ArrayDeque<Integer> inFlight = new ArrayDeque<>();
        private Virtqueue device;

        World(int size, long features) {
            this.size = size;
            this.features = features;
            layout = guest.ring(RingFormat.PACKED, size);
            driver = VirtqueueDriver.of(layout, features);
            device = guest.device(layout, features);
        }

        int position() {
            return device.state().usedIdx();
        }

        int start(int given) {
            return QueueState.start(given, layout, features).usedIdx();
        }

        boolean add(int segments) {
            boolean added = addUnpublished(segments);
            driver.publish();
            return added;
        }

        boolean addUnpublished(int segments) {
            long[] addresses = new long[segments];
            int[] lengths = new int[segments];
            Arrays.fill(addresses, buffer);
            Arrays.fill(lengths, 20);
            int id = driver.addReadable(addresses, lengths, segments);
            if (id >= 0) {
                inFlight.add(id);
            }
            return id >= 0;
        }

        int use(int most) {
            int fetched = device.fetchReadable(burst, most);
            device.use(burst, 0, fetched);
            device.publish();
            return fetched;
        }

        boolean poll() {
            int id = driver.pollUsed();
            if (id >= 0) {
                assertThat(id).as("chains come back in order").isEqualTo(inFlight.remove());
            }
            return id >= 0;
        }

        /** The device is gone, and another one begins where it is told. */
        void restart(int given, String why) {
            int at = start(given);
            device = Virtqueue.of(layout, guest.memory(), features, new QueueState(at, at, QueueState.UNSIGNALLED));
            for (int lap = 0; lap < 3 * size; lap++) {
                use(size);
                boolean progress = false;
                while (poll()) {
                    progress = true;
                }
                assertThat(progress || inFlight.isEmpty()).as(why + ": what is in flight comes back").isTrue();
                assertThat(add(1)).as(why).isTrue();
            }
        }

        long restOf(int slot) {
            return layout.descriptorTable() + 16L * slot + 8;
        }
    }

    /** Chains of one descriptor brought the device here, and more are available. */
    private World world(int size, int moved, int available) {
        World world = new World(size, INDIRECT);
        for (int i = 0; i < moved; i++) {
            world.add(1);
            world.use(1);
            world.poll();
        }
        for (int i = 0; i < available; i++) {
            world.add(1);
        }
        return world;
    }

    /** Chains of any lengths, in any turns; also such that another device used, which keeps no flag. */
    @ParameterizedTest
    @CsvSource({"1,false", "2,false", "3,false", "4,false", "5,false", "7,false", "1,true", "2,true", "3,true",
        "4,true", "5,true", "7,true"})
    void aPositionThatIsRightIsBelieved(int size, boolean foreign) {
        World world = new World(size, foreign ? DIRECT : INDIRECT);
        for (int step = 0; step < STEPS; step++) {
            int spread = 1 + random.nextInt(size);
            switch (random.nextInt(4)) {
                case 0 -> {
                    world.addUnpublished(1 + random.nextInt(spread));
                    assertRight(world, step);
                    world.driver.publish();
                }
                case 1 -> {
                    int from = PackedPosition.slot(world.position());
                    if (world.use(1) > 0 && foreign) {
                        long flags = world.restOf(from) + 6;
                        RawMemory.putShort(flags, (short) (RawMemory.getShort(flags) & ~1));
                    }
                }
                case 2 -> world.poll();
                default -> world.add(1 + random.nextInt(spread));
            }
            assertRight(world, step);
        }
    }

    private static void assertRight(World world, int step) {
        assertThat(world.start(world.position())).as("step %d", step).isEqualTo(world.position());
    }

    /** Of any position that is not its own the device knows better, but for {@link #canBeRight}. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 7})
    void anOldPositionIsCorrected(int size) {
        for (int moved = 0; moved < 2 * size; moved++) {
            for (int available = 0; available <= size; available++) {
                for (int ahead = 0; ahead < 2 * size; ahead++) {
                    if (canBeRight(size, available, ahead)) {
                        continue;
                    }
                    World world = world(size, moved, available);
                    world.restart(position(moved + ahead, size),
                        "moved " + moved + ", available " + available + ", told " + ahead + " too much");
                }
            }
        }
    }

    /** The first used descriptor is written last; of the others some or all are there, but not a whole ring. */
    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5, 7})
    void aBurstThatWasBeingShownIsFinished(int size) {
        for (int moved = 0; moved < 2 * size; moved++) {
            for (int available = 2; available <= size; available++) {
                for (int shown = 1; shown < Math.min(available, size - 1); shown++) {
                    for (int ahead = 0; ahead < 2 * size; ahead++) {
                        if (available == size && ahead == shown + 1) {
                            // What was not shown can be the end of a chain whose head is available again.
                            continue;
                        }
                        World world = world(size, moved, available);
                        long first = world.restOf(PackedPosition.slot(world.position()));
                        long before = RawMemory.getLong(first);
                        world.use(1 + shown);
                        RawMemory.putLong(first, before);
                        world.restart(position(moved + ahead, size), "moved " + moved + ", available " + available
                            + ", shown " + shown + ", told " + ahead + " too much");
                    }
                }
            }
        }
    }

    /** As QEMU does without a back end: from an old position on, which it then says it is behind. No ring is full. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 7})
    void whatWasDroppedInTheMiddleIsSteppedOver(int size) {
        for (int moved = 0; moved < 2 * size; moved++) {
            for (int available = 0; available < size; available++) {
                for (int ahead = 0; ahead < 2 * size; ahead++) {
                    World world = world(size, moved, available);
                    int old = position(moved + ahead, size);
                    world.device = Virtqueue.of(world.layout, guest.memory(), INDIRECT,
                        new QueueState(old, old, QueueState.UNSIGNALLED));
                    world.use(size);
                    world.restart(world.position(),
                        "moved " + moved + ", available " + available + ", dropped from " + ahead + " on");
                }
            }
        }
    }

    /** In a ring of two a chain of two can be in the making, all but its head. */
    private static boolean canBeRight(int size, int available, int ahead) {
        return size == 2 && available == 2 && ahead == 3;
    }

    /** A position after so many slots. */
    private static int position(int slots, int size) {
        return slots % size | ((slots / size & 1) == 0 ? PackedPosition.WRAP : 0);
    }
}
