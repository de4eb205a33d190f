package dev.baton.handover;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What stands before the body of every section, little-endian, the same in all versions.
 *
 * <pre>
 *   offset  0          4        6         8        12        16            20         24          32
 *           +----------+--------+---------+--------+---------+-------------+----------+-----------+- - - -
 *           | magic    | code   | schema  | flags  | body    | descriptor  | CRC32C   | sequence  | body
 *           | "BATN"   | u16    | u16     | u32, 0 | bytes   | count u32   | u32      | number    |
 *           +----------+--------+---------+--------+---------+-------------+----------+-----------+- - - -
 * </pre>
 *
 * <p>The checksum is that of the header, with zero in its own place, and the body. Sequence numbers of each direction
 * begin at 1.
 *
 * @param code of the section
 * @param schemaVersion of the body
 * @param flags none is defined
 * @param bodyBytes length of the body
 * @param descriptors number of descriptors that come along
 * @param checksum CRC32C
 * @param sequence sequence number
 */
record SectionHeader(int code, int schemaVersion, int flags, int bodyBytes, int descriptors, int checksum,
    long sequence) {
    static final int BYTES = 32;
    static final int MAGIC = 0x4e544142;
    static final int CHECKSUM_OFFSET = 20;

    private static final ValueLayout.OfShort SHORT =
        ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** The header of a section, its checksum included. */
    static SectionHeader of(int code, int schemaVersion, byte[] body, int descriptors, long sequence) {
        SectionHeader unsigned = new SectionHeader(code, schemaVersion, 0, body.length, descriptors, 0, sequence);
        return unsigned.withChecksum(unsigned.checksumOver(body));
    }

    /** The header that these bytes are; null if they do not begin with the magic word. */
    static @Nullable SectionHeader read(byte[] bytes) {
        MemorySegment from = MemorySegment.ofArray(bytes);
        if (from.get(INT, 0) != MAGIC) {
            return null;
        }
        return new SectionHeader(Short.toUnsignedInt(from.get(SHORT, 4)), Short.toUnsignedInt(from.get(SHORT, 6)),
            from.get(INT, 8), from.get(INT, 12), from.get(INT, 16), from.get(INT, CHECKSUM_OFFSET),
            from.get(LONG, 24));
    }

    byte[] toBytes() {
        byte[] bytes = new byte[BYTES];
        MemorySegment to = MemorySegment.ofArray(bytes);
        to.set(INT, 0, MAGIC);
        to.set(SHORT, 4, (short) code);
        to.set(SHORT, 6, (short) schemaVersion);
        to.set(INT, 8, flags);
        to.set(INT, 12, bodyBytes);
        to.set(INT, 16, descriptors);
        to.set(INT, CHECKSUM_OFFSET, checksum);
        to.set(LONG, 24, sequence);
        return bytes;
    }

    int checksumOver(byte[] body) {
        CRC32C crc = new CRC32C();
        crc.update(withChecksum(0).toBytes());
        crc.update(body);
        return (int) crc.getValue();
    }

    SectionHeader withChecksum(int newChecksum) {
        return new SectionHeader(code, schemaVersion, flags, bodyBytes, descriptors, newChecksum, sequence);
    }
}
