package dev.baton.bench.soak;

import dev.baton.ffi.RawMemory;

/**
 * A numbered and sealed Ethernet frame. Its stream, its number and its length decide each byte of it, so that a
 * receiver needs nothing else to tell whether it came as it was sent.
 *
 * <pre>
 *    0          12       14       18       26       28     32
 *    | addresses | 0x88b5 | stream | number | length | seal | payload ...
 * </pre>
 */
final class SoakFrame {
    static final int MIN_BYTES = 60;
    static final int MAX_BYTES = 1514;
    /** With an MTU of 9000. */
    static final int JUMBO_BYTES = 9014;
    /** The longest that says how long it is. */
    static final int LONGEST_BYTES = 65535;
    /** For local experiments (IEEE 802). */
    static final int ETHERTYPE = 0x88b5;

    private static final int TYPE = 12;
    private static final int STREAM = 14;
    private static final int NUMBER = 18;
    private static final int LENGTH = 26;
    private static final int SEAL = 28;
    private static final int PAYLOAD = 32;
    /** The first half of the Ethernet addresses; the other is 0. */
    static final long ADDRESSES = 0x0200_0000_0002L;

    private SoakFrame() {
    }

    /** Writes one. */
    static void write(long place, int stream, long number, int lengthBytes) {
        RawMemory.putLong(place, ADDRESSES);
        RawMemory.putInt(place + Long.BYTES, 0);
        RawMemory.putShort(place + TYPE, Short.reverseBytes((short) ETHERTYPE));
        RawMemory.putInt(place + STREAM, stream);
        RawMemory.putLong(place + NUMBER, number);
        RawMemory.putShort(place + LENGTH, (short) lengthBytes);
        long seal = seal(stream, number, lengthBytes);
        RawMemory.putInt(place + SEAL, (int) seal);
        fill(place, PAYLOAD, lengthBytes, seal);
    }

    /** Fills up what lies between two offsets with what a seal stands for. */
    static void fill(long place, int from, int to, long seal) {
        int at = from;
        for (; at + Long.BYTES <= to; at += Long.BYTES) {
            RawMemory.putLong(place + at, seal + at);
        }
        for (; at < to; at++) {
            RawMemory.putByte(place + at, (byte) (seal + at));
        }
    }

    /** Whether each byte is as its sender wrote it. */
    static boolean isIntact(long place, int lengthBytes) {
        if (lengthBytes < MIN_BYTES || lengthBytes != Short.toUnsignedInt(RawMemory.getShort(place + LENGTH))) {
            return false;
        }
        long seal = seal(stream(place), number(place), lengthBytes);
        if (RawMemory.getLong(place) != ADDRESSES || RawMemory.getInt(place + SEAL) != (int) seal) {
            return false;
        }
        int at = PAYLOAD;
        for (; at + Long.BYTES <= lengthBytes; at += Long.BYTES) {
            if (RawMemory.getLong(place + at) != seal + at) {
                return false;
            }
        }
        for (; at < lengthBytes; at++) {
            if (RawMemory.getByte(place + at) != (byte) (seal + at)) {
                return false;
            }
        }
        return true;
    }

    static int stream(long place) {
        return RawMemory.getInt(place + STREAM);
    }

    static long number(long place) {
        return RawMemory.getLong(place + NUMBER);
    }

    /** A number that these decide. */
    static long seal(int stream, long number, int lengthBytes) {
        long mixed = ((number << 20) ^ ((long) stream << 11) ^ lengthBytes) * 0x9E37_79B9_7F4A_7C15L;
        return mixed ^ mixed >>> 29;
    }
}
