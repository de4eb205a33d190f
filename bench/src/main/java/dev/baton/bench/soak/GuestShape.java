package dev.baton.bench.soak;

import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * What a guest is like.
 *
 * @param features     those it wants
 * @param sizes        entries of its virtqueues, by index
 * @param receiveBytes of each receive buffer
 * @param maxSegments  of a frame that it sends
 */
record GuestShape(long features, List<Integer> sizes, int receiveBytes, int maxSegments) {
    /** No queue has more entries. */
    static final int MAX_SIZE = 512;

    private static final int SLOT_BYTES = SendQueue.SLOT_BYTES;
    private static final int[] SPLIT_SIZES = {16, 32, 64, 128, 256, 512};
    private static final int[] PACKED_SIZES = {16, 24, 64, 100, 256, 300, 512};
    private static final int[] MERGEABLE_BYTES = {128, 256, 600, SLOT_BYTES, SLOT_BYTES, QueueMemory.LARGE_SLOT_BYTES};
    private static final long[] OPTIONAL =
        {Features.MRG_RXBUF, Features.EVENT_IDX, Features.INDIRECT_DESC, Features.IN_ORDER};

    /** Each needs the first of its row (virtio 1.2, 5.1.3.1). */
    private static final long[] SENT = {Features.CSUM, Features.HOST_TSO4, Features.HOST_TSO6, Features.HOST_ECN,
        Features.HOST_USO};
    private static final long[] TAKEN = {Features.GUEST_CSUM, Features.GUEST_TSO4, Features.GUEST_TSO6,
        Features.GUEST_ECN, Features.GUEST_USO4 | Features.GUEST_USO6};

    /** Any shape. */
    static GuestShape draw(int queuePairs, RandomGenerator random) {
        long features = 0;
        for (long feature : OPTIONAL) {
            features |= random.nextBoolean() ? feature : 0;
        }
        int kind = random.nextInt(8);
        if (kind == 0) {
            // A driver from before virtio 1.0, whose headers have 10 bytes.
            features &= Features.EVENT_IDX | Features.INDIRECT_DESC;
        } else {
            features |= Features.VERSION_1 | (kind < 4 ? Features.RING_PACKED : 0);
        }
        features |= drawOffloads(SENT, random) | drawOffloads(TAKEN, random);
        List<Integer> sizes = new ArrayList<>();
        for (int i = 0; i < 2 * queuePairs; i++) {
            sizes.add(drawSize(features, random));
        }
        boolean mergeable = (features & Features.MRG_RXBUF) != 0;
        return new GuestShape(features | (queuePairs > 1 ? Features.MQ : 0), sizes,
            mergeable ? MERGEABLE_BYTES[random.nextInt(MERGEABLE_BYTES.length)]
                : random.nextInt(3) == 0 ? QueueMemory.LARGE_SLOT_BYTES : SLOT_BYTES,
            // A legacy driver's header is a segment of its own.
            (kind == 0 ? 2 : 1) + random.nextInt(3));
    }

    /** None of them, the first, some, or all. */
    private static long drawOffloads(long[] row, RandomGenerator random) {
        int kind = random.nextInt(4);
        long features = kind == 0 ? 0 : row[0];
        for (int i = 1; i < row.length; i++) {
            features |= kind == 3 || (kind == 2 && random.nextBoolean()) ? row[i] : 0;
        }
        boolean segments = (features & (Features.HOST_TSO4 | Features.HOST_TSO6 | Features.GUEST_TSO4
            | Features.GUEST_TSO6)) != 0;
        return segments ? features : features & ~(Features.HOST_ECN | Features.GUEST_ECN);
    }

    /** A size that these features allow. */
    static int drawSize(long features, RandomGenerator random) {
        int[] sizes = RingFormat.of(features) == RingFormat.PACKED ? PACKED_SIZES : SPLIT_SIZES;
        return sizes[random.nextInt(sizes.length)];
    }

    @Override
    public String toString() {
        return Features.describe(features) + ", sizes " + sizes + ", buffers of "
            + receiveBytes + ", up to " + maxSegments + " segments";
    }
}
