package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/**
 * The virtio-net header that precedes every frame (virtio 1.2, 5.1.6), as static accessors over an address.
 *
 * <pre>
 *    0       1          2         4          6            8             10             12
 *    | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset | num_buffers | frame ...
 * </pre>
 *
 * <p>Little-endian. Callers hold an address whose {@link #LENGTH} bytes were checked. A header in guest memory can
 * change at any time: whoever decides by it reads each field once.
 */
public final class VirtioNetHeader {

    /** Bytes of {@code virtio_net_hdr_v1}. */
    public static final int LENGTH = 12;
    /** Bytes without {@code num_buffers}: neither VERSION_1 nor MRG_RXBUF was negotiated. */
    public static final int LEGACY_LENGTH = 10;

    /** Offset of {@code flags}, 8 bits. */
    public static final int FLAGS_OFFSET = 0;
    /** Offset of {@code gso_type}, 8 bits. */
    public static final int GSO_TYPE_OFFSET = 1;
    /** Offset of {@code hdr_len}, 16 bits. */
    public static final int HEADER_BYTES_OFFSET = 2;
    /** Offset of {@code gso_size}, 16 bits. */
    public static final int GSO_SIZE_OFFSET = 4;
    /** Offset of {@code csum_start}, 16 bits. */
    public static final int CSUM_START_OFFSET = 6;
    /** Offset of {@code csum_offset}, 16 bits. */
    public static final int CSUM_OFFSET_OFFSET = 8;
    /** Offset of {@code num_buffers}, 16 bits. */
    public static final int NUM_BUFFERS_OFFSET = 10;

    /** Flag: the checksum is still to be computed from {@code csum_start}. */
    public static final int NEEDS_CSUM = 1;
    /** Flag: the checksum was verified. */
    public static final int DATA_VALID = 2;
    /** Flag: the checksum fields carry receive-segment-coalescing numbers. */
    public static final int RSC_INFO = 4;

    /** Not segmented. */
    public static final int GSO_NONE = 0;
    /** TCP over IPv4. */
    public static final int GSO_TCPV4 = 1;
    /** UDP fragmentation (UFO). */
    public static final int GSO_UDP = 3;
    /** TCP over IPv6. */
    public static final int GSO_TCPV6 = 4;
    /** UDP segmentation (USO). */
    public static final int GSO_UDP_L4 = 5;
    /** Bit beside a GSO type: the TCP segment has ECN set. */
    public static final int GSO_ECN = 0x80;

    private VirtioNetHeader() {
    }

    /** Header length that the negotiated features mean (virtio 1.2, 5.1.6.1). */
    public static int length(long features) {
        return (features & (Features.VERSION_1 | Features.MRG_RXBUF)) != 0 ? LENGTH : LEGACY_LENGTH;
    }

    /** Makes it the header of a plain frame in one buffer: no checksum, no segmentation, {@code num_buffers} 1. */
    public static void plain(long address) {
        RawMemory.putLong(address, 0);
        RawMemory.putInt(address + 8, 1 << 16);
    }

    /** The {@code flags}. */
    public static int flags(long address) {
        return RawMemory.getByte(address + FLAGS_OFFSET) & 0xFF;
    }

    /** Sets {@code flags}. */
    public static void flags(long address, int flags) {
        RawMemory.putByte(address + FLAGS_OFFSET, (byte) flags);
    }

    /** The {@code gso_type}, {@link #GSO_ECN} included. */
    public static int gsoType(long address) {
        return RawMemory.getByte(address + GSO_TYPE_OFFSET) & 0xFF;
    }

    /** Sets {@code gso_type}. */
    public static void gsoType(long address, int gsoType) {
        RawMemory.putByte(address + GSO_TYPE_OFFSET, (byte) gsoType);
    }

    /** The {@code hdr_len}: bytes of Ethernet, IP and transport headers. */
    public static int headerBytes(long address) {
        return RawMemory.getShort(address + HEADER_BYTES_OFFSET) & 0xFFFF;
    }

    /** Sets {@code hdr_len}. */
    public static void headerBytes(long address, int bytes) {
        RawMemory.putShort(address + HEADER_BYTES_OFFSET, (short) bytes);
    }

    /** The {@code gso_size}: payload bytes of each segment. */
    public static int gsoSize(long address) {
        return RawMemory.getShort(address + GSO_SIZE_OFFSET) & 0xFFFF;
    }

    /** Sets {@code gso_size}. */
    public static void gsoSize(long address, int bytes) {
        RawMemory.putShort(address + GSO_SIZE_OFFSET, (short) bytes);
    }

    /** The {@code csum_start}: offset in the frame from which to sum. */
    public static int csumStart(long address) {
        return RawMemory.getShort(address + CSUM_START_OFFSET) & 0xFFFF;
    }

    /** Sets {@code csum_start}. */
    public static void csumStart(long address, int offset) {
        RawMemory.putShort(address + CSUM_START_OFFSET, (short) offset);
    }

    /** The {@code csum_offset}: where the sum goes, from {@code csum_start}. */
    public static int csumOffset(long address) {
        return RawMemory.getShort(address + CSUM_OFFSET_OFFSET) & 0xFFFF;
    }

    /** Sets {@code csum_offset}. */
    public static void csumOffset(long address, int offset) {
        RawMemory.putShort(address + CSUM_OFFSET_OFFSET, (short) offset);
    }

    /** The {@code num_buffers}: chains that the frame fills. */
    public static int numBuffers(long address) {
        return RawMemory.getShort(address + NUM_BUFFERS_OFFSET) & 0xFFFF;
    }

    /** Sets {@code num_buffers}. */
    public static void numBuffers(long address, int chains) {
        RawMemory.putShort(address + NUM_BUFFERS_OFFSET, (short) chains);
    }
}
