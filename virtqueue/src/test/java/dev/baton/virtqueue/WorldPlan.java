package dev.baton.virtqueue;

import java.util.Arrays;
import java.util.List;

/**
 * What a small world is made of: a ring, and the chains that its driver adds.
 *
 * @param format of the ring
 * @param size its descriptors
 * @param first the position where it begins, shortly before a wrap
 * @param features EVENT_IDX, IN_ORDER and INDIRECT_DESC, which puts chains of several segments into tables
 * @param chains how many chains the driver adds in all
 * @param segments of the first chain, the second and so on, and again from the first
 * @param deaths whether the owner of the device's side may die
 */
record WorldPlan(RingFormat format, int size, int first, long features, int chains, List<Integer> segments,
    boolean deaths) {
    /** A chain's most segments. */
    private static final int TABLE_ENTRIES = 4;

    /**
     * A plan in words.
     *
     * @param features of {@code event-idx}, {@code in-order} and {@code indirect}, with {@code +} between them
     * @param segments numbers with spaces between them
     */
    static WorldPlan of(RingFormat format, int size, int first, String features, int chains, String segments,
        boolean deaths) {
        long bits = Features.VERSION_1 | (format == RingFormat.PACKED ? Features.RING_PACKED : 0);
        for (String feature : features.split("\\+", -1)) {
            bits |= switch (feature) {
                case "event-idx" -> Features.EVENT_IDX;
                case "in-order" -> Features.IN_ORDER;
                case "indirect" -> Features.INDIRECT_DESC;
                case "plain" -> 0;
                default -> throw new IllegalArgumentException(feature);
            };
        }
        List<Integer> each = Arrays.stream(segments.split(" ", -1)).map(Integer::valueOf).toList();
        return new WorldPlan(format, size, first, bits, chains, each, deaths);
    }

    boolean has(long feature) {
        return (features & feature) != 0;
    }

    int segmentsOf(int chain) {
        return segments.get(chain % segments.size());
    }

    /** Descriptors of the ring that a chain takes. */
    int descriptorsOf(int chain) {
        return has(Features.INDIRECT_DESC) ? 1 : segmentsOf(chain);
    }

    /** How far a ring's position is after so many chains: a split one counts chains, a packed one descriptors. */
    int place(int chain) {
        return format == RingFormat.SPLIT ? chain : descriptorsBefore(chain);
    }

    int descriptorsBefore(int chain) {
        int sum = 0;
        for (int i = 0; i < chain; i++) {
            sum += descriptorsOf(i);
        }
        return sum;
    }

    /** After how many places a position is the same again. */
    int cycle() {
        return format == RingFormat.SPLIT ? 1 << 16 : 2 * size;
    }

    /** A position of the ring, {@code place} behind the first. */
    int position(int place) {
        if (format == RingFormat.SPLIT) {
            return first + place & 0xFFFF;
        }
        int position = first;
        for (int i = 0; i < place; i++) {
            position = PackedPosition.advance(position, 1, size);
        }
        return position;
    }

    long tableBytes() {
        return VirtqueueDriver.indirectTableBytes(size, TABLE_ENTRIES);
    }

    VirtqueueDriver driver(VirtqueueLayout layout, TestGuest guest, long tables) {
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features, first);
        if (has(Features.INDIRECT_DESC)) {
            driver.useIndirectTables(guest.host(tables), tables, TABLE_ENTRIES);
        }
        return driver;
    }
}
