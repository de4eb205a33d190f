package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Objects;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every virtqueue does, driven by its driver side; a subclass for each format of the ring. */
abstract class VirtqueueContract {
    static final long BASIC = Features.VERSION_1 | Features.MRG_RXBUF;

    final TestGuest guest = new TestGuest(1 << 20);
    final ChainBurst burst = new ChainBurst(64, 2048);
    private @Nullable Virtqueue device;
    private @Nullable VirtqueueDriver driver;

    private static final int TABLE_ENTRIES = 16;
    private final long format;
    private long features;

    /** The contract for rings with these features besides. */
    VirtqueueContract(long format) {
        this.format = format;
    }

    /** Makes both sides of a ring after so many chains of one descriptor. */
    private void open(int size, long newFeatures, int chainsBefore, boolean indirectTables) {
        features = newFeatures | format;
        VirtqueueLayout layout = guest.ring(RingFormat.of(features), size);
        int first = positionAfter(chainsBefore, layout);
        VirtqueueDriver newDriver = VirtqueueDriver.of(layout, features, first);
        if (indirectTables) {
            long tables = guest.allocate(VirtqueueDriver.indirectTableBytes(size, TABLE_ENTRIES));
            newDriver.useIndirectTables(guest.host(tables), tables, TABLE_ENTRIES);
        }
        driver = newDriver;
        device = Virtqueue.of(layout, guest.memory(), features, new QueueState(first, first, first));
    }

    private static int positionAfter(int chains, VirtqueueLayout layout) {
        if (layout.format() == RingFormat.SPLIT) {
            return chains & 0xFFFF;
        }
        boolean oddLap = chains / layout.size() % 2 != 0;
        return chains % layout.size() | (oddLap ? 0 : PackedPosition.WRAP);
    }

    final Virtqueue device() {
        return Objects.requireNonNull(device);
    }

    final VirtqueueDriver driver() {
        return Objects.requireNonNull(driver);
    }

    @AfterEach
    void freeMemory() {
        burst.close();
        guest.close();
    }

    /** A buffer of so many bytes with a pattern of its own. */
    final long buffer(int bytes, int seed) {
        long address = guest.allocate(bytes);
        guest.fill(address, bytes, seed);
        return address;
    }

    final int addReadable(long address, int... lengths) {
        return driver().addReadable(cut(address, lengths), lengths, lengths.length);
    }

    final int addWritable(long address, int... lengths) {
        return driver().addWritable(cut(address, lengths), lengths, lengths.length);
    }

    private static long[] cut(long address, int... lengths) {
        long[] addresses = new long[lengths.length];
        long at = address;
        for (int i = 0; i < lengths.length; i++) {
            addresses[i] = at;
            at += lengths[i];
        }
        return addresses;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aReadableChainArrivesSegmentBySegmentAndGoesBack(boolean indirect) {
        open(8, BASIC | Features.INDIRECT_DESC, 0, indirect);
        long address = buffer(100, 1);
        int id = addReadable(address, 12, 80, 8);
        driver().publish();

        assertThat(device().hasAvailable()).isTrue();
        assertThat(device().fetchReadable(burst, 32)).isEqualTo(1);
        assertThat(burst.segmentCount(0)).isEqualTo(3);
        assertThat(burst.lengthBytes(0)).isEqualTo(100);
        assertThat(burst.segmentBase(0)).isEqualTo(guest.host(address));
        assertThat(burst.segmentBase(1)).isEqualTo(guest.host(address) + 12);
        assertThat(burst.segmentBase(2)).isEqualTo(guest.host(address) + 92);
        assertThat(burst.segmentLength(2)).isEqualTo(8);
        assertThat(burst.endSegment()).isEqualTo(3);

        device().use(burst.head(0), 0);
        assertThat(driver().pollUsed()).as("nothing is shown before publish").isEqualTo(-1);
        device().publish();
        assertThat(driver().pollUsed()).isEqualTo(id);
        assertThat(driver().usedBytes()).isZero();
        assertThat(driver().pollUsed()).isEqualTo(-1);
        assertThat(driver().freeDescriptors()).isEqualTo(8);
    }

    @Test
    void fetchingAgainBringsTheSameChainsUntilTheyAreUsed() {
        open(8, BASIC, 65534, false);
        int[] ids = new int[4];
        for (int i = 0; i < 4; i++) {
            ids[i] = addReadable(buffer(20 + i, i), 20 + i);
        }
        driver().publish();
        assertThat(device().fetchReadable(burst, 3)).isEqualTo(3);
        assertThat(device().fetchReadable(burst, 2)).isEqualTo(2);
        device().use(burst.head(0), 0);
        assertThat(device().fetchReadable(burst, 32)).isEqualTo(3);
        assertThat(burst.head(0) & 0xFFFF).isEqualTo(ids[1]);
        assertThat(burst.lengthBytes(0)).isEqualTo(21);
        assertThat(burst.totalBytes()).isEqualTo(21 + 22 + 23);
        assertThat(device().hasAvailable()).isTrue();
        for (int i = 0; i < 3; i++) {
            device().use(burst.head(i), 0);
        }
        device().publish();
        for (int id : ids) {
            assertThat(driver().pollUsed()).isEqualTo(id);
        }
        assertThat(device().hasAvailable()).isFalse();
    }

    @Test
    void chainsAreUsedTogetherAsOneByOne() {
        open(8, BASIC, 65533, false);
        int[] ids = new int[6];
        for (int i = 0; i < 6; i++) {
            ids[i] = addReadable(buffer(20 + i, i), 20 + i);
        }
        driver().publish();
        assertThat(device().fetchReadable(burst, 32)).isEqualTo(6);
        device().use(burst, 0, 2);
        device().use(burst.head(2), 0);
        device().use(burst, 3, 3);
        device().publish();
        for (int id : ids) {
            assertThat(driver().pollUsed()).isEqualTo(id);
            assertThat(driver().usedBytes()).isZero();
        }
        assertThat(device().hasAvailable()).isFalse();
    }

    @Test
    void chainsAreUsedTogetherWithTheLengthsOfAnotherBurst() {
        open(8, BASIC, 65533, false);
        int[] frames = new int[3];
        for (int i = 0; i < 3; i++) {
            frames[i] = addReadable(buffer(20 + i, i), 20 + i);
        }
        int[] rooms = new int[3];
        for (int i = 0; i < 3; i++) {
            rooms[i] = addWritable(buffer(64, i), 64);
        }
        driver().publish();
        try (ChainBurst room = new ChainBurst(4, 16)) {
            assertThat(device().fetchReadable(burst, 3)).isEqualTo(3);
            device().use(burst, 0, 3);
            assertThat(device().fetchWritable(room, 3)).isEqualTo(3);
            device().use(room, 0, 1, burst, 0);
            device().use(room, 1, 2, burst, 1);
        }
        device().publish();
        for (int id : frames) {
            assertThat(driver().pollUsed()).isEqualTo(id);
        }
        for (int i = 0; i < 3; i++) {
            assertThat(driver().pollUsed()).isEqualTo(rooms[i]);
            assertThat(driver().usedBytes()).isEqualTo(20 + i);
        }
    }

    @Test
    void chainsAreUsedTogetherWithOneLength() {
        open(8, BASIC, 65533, false);
        int[] rooms = new int[5];
        for (int i = 0; i < 5; i++) {
            rooms[i] = addWritable(buffer(64, i), 64);
        }
        driver().publish();
        assertThat(device().fetchWritable(burst, 5)).isEqualTo(5);
        device().use(burst, 0, 1, 20);
        device().use(burst, 1, 4, 40);
        device().publish();
        for (int i = 0; i < 5; i++) {
            assertThat(driver().pollUsed()).isEqualTo(rooms[i]);
            assertThat(driver().usedBytes()).isEqualTo(i == 0 ? 20 : 40);
        }
    }

    @Test
    void aBurstTellsHowManyChainsFromTheFirstOnAreOneSegment() {
        open(8, BASIC, 0, false);
        addReadable(buffer(20, 1), 20);
        addReadable(buffer(20, 2), 20);
        addReadable(buffer(40, 3), 20, 20);
        addReadable(buffer(20, 4), 20);
        driver().publish();
        device().fetchReadable(burst, 2);
        assertThat(burst.plainChains()).isEqualTo(2);
        device().fetchReadable(burst, 32);
        assertThat(burst.plainChains()).isEqualTo(2);
        device().use(burst, 0, 2);
        device().fetchReadable(burst, 32);
        assertThat(burst.plainChains()).as("behind one of two segments").isZero();
        device().use(burst, 0, 1);
        device().fetchReadable(burst, 32);
        assertThat(burst.plainChains()).isEqualTo(1);
    }

    @Test
    void oneFrameFillsSeveralWritableChainsThroughOneRunOfSegments() {
        open(8, BASIC, 0, false);
        for (int i = 0; i < 6; i++) {
            addWritable(buffer(64, i), 32, 32);
        }
        // A chain has 2 descriptors: only 4 fit.
        driver().publish();
        assertThat(device().fetchWritable(burst, 32, 150)).as("chains for 150 bytes").isEqualTo(3);
        assertThat(burst.totalBytes()).isEqualTo(192);
        for (int s = 0; s < 6; s++) {
            RawMemory.fill(burst.segmentBase(s), burst.segmentLength(s), (byte) (100 + s));
        }
        VirtioNetHeader.numBuffers(burst.segmentBase(0), 3);
        device().use(burst.head(0), 64);
        device().use(burst.head(1), 64);
        device().use(burst.head(2), 22);
        device().publish();
        for (int written : new int[] {64, 64, 22}) {
            assertThat(driver().pollUsed()).isNotNegative();
            assertThat(driver().usedBytes()).isEqualTo(written);
        }
        assertThat(device().fetchWritable(burst, 32, 1000)).as("all there is").isEqualTo(1);
    }

    @Test
    void aSpareSegmentFollowsEveryChainWhenAskedFor() {
        open(8, BASIC, 0, false);
        addWritable(buffer(64, 1), 32, 32);
        addWritable(buffer(64, 2), 64);
        driver().publish();
        try (ChainBurst spare = new ChainBurst(4, 4, true)) {
            assertThat(device().fetchWritable(spare, 4)).isEqualTo(2);
            assertThat(spare.firstSegment(0)).isZero();
            assertThat(spare.firstSegment(1)).isEqualTo(3);
            spare.segments().set(spare.firstSegment(1) + spare.segmentCount(1), 1, 1);
        }
    }

    @Test
    void aChainThatDoesNotFitTheBurstAnyMoreWaitsForTheNext() {
        open(8, BASIC, 0, false);
        addReadable(buffer(60, 1), 20, 20, 20);
        addReadable(buffer(60, 2), 20, 20, 20);
        driver().publish();
        try (ChainBurst small = new ChainBurst(8, 4)) {
            assertThat(device().fetchReadable(small, 8)).isEqualTo(1);
            device().use(small.head(0), 0);
            assertThat(device().fetchReadable(small, 8)).isEqualTo(1);
            assertThat(device().fault()).isNull();
        }
    }

    @Test
    void descriptorsWithoutBytesAddNoSegment() {
        open(8, BASIC, 0, false);
        long address = buffer(64, 1);
        addReadable(address, 12, 0, 40, 0);
        driver().publish();
        assertThat(device().fetchReadable(burst, 8)).isEqualTo(1);
        assertThat(burst.segmentCount(0)).isEqualTo(2);
        assertThat(burst.lengthBytes(0)).isEqualTo(52);
    }

    @Test
    void aQueueGoesOnFromItsState() {
        open(4, BASIC, 65535, false);
        addReadable(buffer(20, 1), 20);
        addReadable(buffer(21, 2), 21);
        driver().publish();
        device().fetchReadable(burst, 1);
        device().use(burst.head(0), 0);
        device().publish();
        reopenFromState();
        assertThat(device().fetchReadable(burst, 8)).isEqualTo(1);
        assertThat(burst.lengthBytes(0)).isEqualTo(21);
        device().use(burst.head(0), 0);
        device().publish();
        assertThat(driver().pollUsed()).isNotNegative();
        assertThat(driver().pollUsed()).isNotNegative();
        assertThat(driver().inFlight()).isZero();
    }

    /** Replaces the device by one made from its state. */
    private void reopenFromState() {
        Virtqueue old = device();
        device = Virtqueue.of(old.layout(), guest.memory(), features, old.state());
    }

    @Test
    void chainsOfManyShapesGoThroughManyLaps() {
        open(8, BASIC, 65530, false);
        long place = buffer(100, 1);
        Queue<Integer> inFlight = new ArrayDeque<>();
        for (int i = 0; i < 1000; i++) {
            int segments = 1 + i % 3;
            int[] lengths = new int[segments];
            Arrays.fill(lengths, 20 + i % 7);
            int id = driver().addReadable(cut(place, lengths), lengths, segments);
            inFlight.add(id);
            if (i % 2 == 1) {
                driver().publish();
                int count = device().fetchReadable(burst, 8);
                assertThat(count).isEqualTo(2);
                assertThat(burst.lengthBytes(1)).isEqualTo(segments * (20 + i % 7));
                device().use(burst, 0, count);
                device().publish();
                assertThat(driver().pollUsed()).isEqualTo(inFlight.remove());
                assertThat(driver().pollUsed()).isEqualTo(inFlight.remove());
                assertThat(driver().pollUsed()).isEqualTo(-1);
            }
        }
        assertThat(driver().freeDescriptors()).isEqualTo(8);
    }
}
