package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Mapping;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.MemoryRegion;
import dev.baton.virtqueue.QueueRecord;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtqueueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two lanes from guests to nowhere, whose duty cycles the test does itself: which of them is looked at when. */
class QuietLanesTest {
    private static final int RING_SIZE = 4;
    private static final long RING_BYTES = 8192;
    private static final int BUFFER_BYTES = 100;
    /** More than it takes to be quiet. */
    private static final int A_WHILE = 200;

    private final Mapping memory = Mapping.anonymous(4 * RING_BYTES);
    private final Counters counters = new Counters("test", null);
    private final QueueCounters queueCounters = QueueCounters.allocate(counters, "test", 0);
    private final Baton baton = Baton.create("test");
    private final ChainBurst scratch = new ChainBurst(Transfer.MAX_BURST, 1024);
    private final VirtqueueEnd[] ends = new VirtqueueEnd[2];
    private final VirtqueueDriver[] drivers = new VirtqueueDriver[2];
    private final Lane[] lanes = new Lane[2];
    private final int[] looks = new int[2];
    private final TapWatch taps = new TapWatch();
    private final QuietLanes quiet = new QuietLanes(taps);

    @AfterEach
    void close() {
        taps.close();
        scratch.close();
        baton.close();
        counters.close();
        memory.close();
    }

    private void open(RingFormat format) {
        for (int i = 0; i < 2; i++) {
            QueueRecord queueRecord = new QueueRecord(memory.address() + (long) i * QueueRecord.BYTES);
            ends[i] = new VirtqueueEnd("test", queueCounters, queueRecord, (end, fault) -> { });
            int record = baton.allocateLane();
            lanes[i] = new Lane(record, baton.lane(record), List.of(new VirtqueueToNull(ends[i], queueCounters)));
            start(i, format);
        }
        quiet.reset(lanes);
    }

    private void start(int lane, RingFormat format) {
        long features = Features.VERSION_1 | (format == RingFormat.PACKED ? Features.RING_PACKED : 0);
        long address = memory.address() + (1 + lane) * RING_BYTES;
        VirtqueueLayout layout = VirtqueueLayout.contiguous(format, RING_SIZE, address);
        drivers[lane] = VirtqueueDriver.of(layout, features);
        GuestMemory guest = GuestMemory.of(List.of(
            new MemoryRegion(memory.address(), memory.length(), memory.address(), memory.address())));
        ends[lane].start(Virtqueue.of(layout, guest, features, QueueState.fresh(format)), features, null, null);
        ends[lane].enable(true);
    }

    /** A duty cycle as an agent does it; returns the frames of this lane. */
    private int dutyCycle(int lane) {
        if (quiet.isQuiet(lane)) {
            return 0;
        }
        looks[lane]++;
        int frames = lanes[lane].doBursts(scratch, (suspended, transfer) -> { });
        quiet.worked(lane, lanes[lane], frames);
        return frames;
    }

    private void rest(int lane) {
        for (int i = 0; i < A_WHILE; i++) {
            dutyCycle(lane);
        }
        assertThat(quiet.isQuiet(lane)).isTrue();
    }

    private void send(int lane, int descriptors) {
        long buffer = memory.address() + 3 * RING_BYTES;
        long[] addresses = new long[descriptors];
        int[] lengths = new int[descriptors];
        for (int i = 0; i < descriptors; i++) {
            addresses[i] = buffer;
            lengths[i] = BUFFER_BYTES;
        }
        assertThat(drivers[lane].addReadable(addresses, lengths, descriptors)).isNotNegative();
        drivers[lane].publish();
    }

    @ParameterizedTest
    @EnumSource(RingFormat.class)
    void itIsWokenByEveryFrameWhereverTheRingStands(RingFormat format) {
        open(format);
        Random random = new Random(1);
        for (int round = 0; round < 2_000; round++) {
            rest(0);
            int frames = 1 + random.nextInt(2);
            for (int i = 0; i < frames; i++) {
                send(0, 1 + random.nextInt(2));
            }
            for (int i = 0; i < frames; i++) {
                // A burst is at most a quarter of the ring.
                assertThat(dutyCycle(0)).as("round " + round).isEqualTo(1);
                assertThat(drivers[0].pollUsed()).isNotNegative();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(RingFormat.class)
    void itIsNotLookedAtUntilThereIsAFrame(RingFormat format) {
        open(format);
        rest(0);
        rest(1);
        looks[0] = 0;
        looks[1] = 0;
        for (int i = 0; i < A_WHILE; i++) {
            dutyCycle(0);
            dutyCycle(1);
        }
        send(1, 1);
        dutyCycle(0);
        dutyCycle(1);
        assertThat(looks).containsExactly(0, 1);
    }

    @ParameterizedTest
    @EnumSource(RingFormat.class)
    void oneWithoutAVirtqueueIsQuietUntilACommand(RingFormat format) {
        open(format);
        ends[0].stop();
        quiet.wakeAll();
        rest(0);
        start(0, format);
        quiet.wakeAll();
        send(0, 1);
        assertThat(dutyCycle(0)).isEqualTo(1);
    }

    @Test
    void oneThatIsToBeLetGoIsNeverQuiet() {
        open(RingFormat.SPLIT);
        rest(0);
        lanes[0].beginRelease();
        quiet.wakeAll();
        for (int i = 0; i < A_WHILE; i++) {
            dutyCycle(0);
            assertThat(quiet.isQuiet(0)).isFalse();
        }
    }

    @Test
    void oneWhoseSourceHasNoSuchWordIsNeverQuiet() {
        open(RingFormat.SPLIT);
        int record = baton.allocateLane();
        lanes[0] = new Lane(record, baton.lane(record),
            List.of(new NullToVirtqueue(new NullFrame(BUFFER_BYTES), queueCounters, ends[0])));
        quiet.reset(lanes);
        for (int i = 0; i < A_WHILE; i++) {
            dutyCycle(0);
            assertThat(quiet.isQuiet(0)).isFalse();
        }
    }
}
