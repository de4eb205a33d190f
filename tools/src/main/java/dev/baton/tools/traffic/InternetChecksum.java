package dev.baton.tools.traffic;

import dev.baton.ffi.RawMemory;

/** The checksum of IP, UDP and ICMP (RFC 1071). Sums are kept in host order over big-endian words. */
public final class InternetChecksum {
    private InternetChecksum() {
    }

    /**
     * Adds bytes to a sum.
     *
     * @param sum     sum so far, 0 to begin with
     * @param address first byte
     * @param length  bytes; an odd one is padded with zero
     * @return the sum, not folded
     */
    public static long add(long sum, long address, int length) {
        long total = sum;
        int i = 0;
        for (; i + 1 < length; i += 2) {
            total += Short.toUnsignedInt(Short.reverseBytes(RawMemory.getShort(address + i)));
        }
        if (i < length) {
            total += Byte.toUnsignedInt(RawMemory.getByte(address + i)) << 8;
        }
        return total;
    }

    /**
     * The sum of a UDP pseudo header.
     *
     * @param source      IPv4 address
     * @param destination IPv4 address
     * @param protocol    of the packet
     * @param length      bytes after the IP header
     * @return the sum, not folded
     */
    public static long pseudoHeader(int source, int destination, int protocol, int length) {
        return (source >>> 16) + (source & 0xFFFFL) + (destination >>> 16) + (destination & 0xFFFFL)
                + protocol + length;
    }

    /**
     * Folds a sum to 16 bits.
     *
     * @param sum a sum
     * @return the folded sum, not complemented
     */
    public static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xFFFF) + (folded >>> 16);
        }
        return (int) folded;
    }

    /**
     * The checksum of a range whose checksum field is zero.
     *
     * @param sum     sum of what is not in the range, such as a pseudo header
     * @param address first byte
     * @param length  bytes
     * @return the checksum as it goes into the field
     */
    public static int of(long sum, long address, int length) {
        return ~fold(add(sum, address, length)) & 0xFFFF;
    }
}
