package dev.baton.coalesce;

import dev.baton.ffi.RawMemory;

/**
 * The ones' complement sum of IP, UDP and TCP (RFC 1071), over memory by address. The sum of 16-bit words does not mind
 * their byte order, as long as it is the same for all: here words are little-endian, as they are loaded, so a number
 * that goes into a sum by itself is swapped first.
 *
 * <p>A sum under way is a long that is not folded yet; it has room for more bytes than any frame has.
 */
public final class InternetChecksum {
    /** What all words of a frame add up to, its checksum among them, if the checksum is right. */
    static final int RIGHT = 0xFFFF;

    private static final long LOW = 0xFFFF_FFFFL;

    private InternetChecksum() {
    }

    /** Adds {@code length} bytes, the first of which is at an even offset of what is summed up. */
    public static long add(long sum, long address, long length) {
        long total = sum;
        long at = address;
        long end = address + (length & -8);
        while (at < end) {
            long words = RawMemory.getLong(at);
            total += (words & LOW) + (words >>> 32);
            at += 8;
        }
        if ((length & 4) != 0) {
            total += RawMemory.getInt(at) & LOW;
            at += 4;
        }
        if ((length & 2) != 0) {
            total += RawMemory.getShort(at) & 0xFFFF;
            at += 2;
        }
        return (length & 1) == 0 ? total : total + (RawMemory.getByte(at) & 0xFF);
    }

    /** Adds {@code length} bytes, the first of which is at an odd offset of what is summed up. */
    static long addOdd(long sum, long address, long length) {
        return sum + (Short.reverseBytes((short) fold(add(0, address, length))) & 0xFFFF);
    }

    /** Adds a number of 16 bits. */
    public static long add(long sum, int number) {
        return sum + (Short.reverseBytes((short) number) & 0xFFFF);
    }

    /** The sum in 16 bits. */
    public static int fold(long sum) {
        long folded = (sum & LOW) + (sum >>> 32);
        folded = (folded & 0xFFFF) + (folded >>> 16);
        folded = (folded & 0xFFFF) + (folded >>> 16);
        return (int) ((folded & 0xFFFF) + (folded >>> 16));
    }
}
