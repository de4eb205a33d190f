package dev.baton.tools.traffic;

import dev.baton.ffi.RawMemory;

/**
 * What a test datagram carries, little-endian.
 *
 * <pre>
 *    0        4       8          16        24              32        36
 *    +--------+-------+----------+---------+---------------+---------+---------------
 *    | magic  | flow  | sequence | sent ns | acknowledged  | kind    | pattern ...
 *    +--------+-------+----------+---------+---------------+---------+---------------
 * </pre>
 *
 * <p>The sequence number counts the data frames of a flow in one direction; {@code acknowledged} says how many of the
 * other direction have arrived so far. The pattern is a function of sequence number and position, so that a byte that
 * was changed or belongs to another frame shows.
 */
final class Payload {
    static final int HEADER_BYTES = 36;
    static final int DATA = 1;
    static final int ACKNOWLEDGEMENT = 2;

    private static final int MAGIC = 0x4E_54_41_42;
    private static final long GOLDEN = 0x9E37_79B9_7F4A_7C15L;

    private Payload() {
    }

    static void write(long at, int length, int kind, int flow, long sequence, long sentNs, long acknowledged) {
        RawMemory.putInt(at, MAGIC);
        RawMemory.putInt(at + 4, flow);
        RawMemory.putLong(at + 8, sequence);
        RawMemory.putLong(at + 16, sentNs);
        RawMemory.putLong(at + 24, acknowledged);
        RawMemory.putInt(at + 32, kind);
        long word = sequence * GOLDEN;
        int i = HEADER_BYTES;
        for (; i + 8 <= length; i += 8) {
            RawMemory.putLong(at + i, word + i);
        }
        for (; i < length; i++) {
            RawMemory.putByte(at + i, (byte) (word + i));
        }
    }

    static boolean isIntact(long at, int length, int flow) {
        if (length < HEADER_BYTES || RawMemory.getInt(at) != MAGIC || RawMemory.getInt(at + 4) != flow) {
            return false;
        }
        long word = sequence(at) * GOLDEN;
        int i = HEADER_BYTES;
        for (; i + 8 <= length; i += 8) {
            if (RawMemory.getLong(at + i) != word + i) {
                return false;
            }
        }
        for (; i < length; i++) {
            if (RawMemory.getByte(at + i) != (byte) (word + i)) {
                return false;
            }
        }
        return true;
    }

    static long sequence(long at) {
        return RawMemory.getLong(at + 8);
    }

    static long sentNs(long at) {
        return RawMemory.getLong(at + 16);
    }

    static long acknowledged(long at) {
        return RawMemory.getLong(at + 24);
    }

    static int kind(long at) {
        return RawMemory.getInt(at + 32);
    }
}
