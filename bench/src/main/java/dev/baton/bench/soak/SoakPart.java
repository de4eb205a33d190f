package dev.baton.bench.soak;

import dev.baton.ffi.RawMemory;

/**
 * A part of a {@link SoakPacket}, with all that is needed to know the whole again.
 *
 * <pre>
 *    0        4       12      14      16           18           20     24     32
 *    | stream | first | index | parts | part bytes | last bytes | kind | seal | payload ...
 * </pre>
 */
final class SoakPart {
    static final int MIN_BYTES = 32;

    private static final int FIRST = 4;
    private static final int INDEX = 12;
    private static final int PARTS = 14;
    private static final int BYTES = 16;
    private static final int LAST_BYTES = 18;
    private static final int KIND = 20;
    private static final int SEAL = 24;

    private SoakPart() {
    }

    /** Writes what all parts of a packet have in common. */
    static void describe(long place, int stream, long first, int parts, int bytes, int lastBytes, int kind) {
        RawMemory.putInt(place, stream);
        RawMemory.putLong(place + FIRST, first);
        RawMemory.putShort(place + PARTS, (short) parts);
        RawMemory.putShort(place + BYTES, (short) bytes);
        RawMemory.putShort(place + LAST_BYTES, (short) lastBytes);
        RawMemory.putInt(place + KIND, kind);
    }

    /** Makes what was described the part of this index; returns its bytes. */
    static int seal(long place, int index) {
        int bytes = index == parts(place) - 1 ? lastBytes(place) : bytes(place);
        RawMemory.putShort(place + INDEX, (short) index);
        long seal = SoakFrame.seal(stream(place), first(place) + index, bytes + (kind(place) << 16));
        RawMemory.putLong(place + SEAL, seal);
        SoakFrame.fill(place, MIN_BYTES, bytes, seal);
        return bytes;
    }

    static int stream(long place) {
        return RawMemory.getInt(place);
    }

    /** The number of the first part. */
    static long first(long place) {
        return RawMemory.getLong(place + FIRST);
    }

    static int index(long place) {
        return RawMemory.getShort(place + INDEX);
    }

    static int parts(long place) {
        return RawMemory.getShort(place + PARTS);
    }

    /** Bytes of each part but the last. */
    static int bytes(long place) {
        return RawMemory.getShort(place + BYTES);
    }

    static int lastBytes(long place) {
        return RawMemory.getShort(place + LAST_BYTES);
    }

    static int kind(long place) {
        return RawMemory.getInt(place + KIND);
    }
}
