package dev.baton.datapath;

import dev.baton.coalesce.InternetChecksum;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.ByteBuffer;

/**
 * What a null port sends: one UDP datagram of zeros from 198.51.100.1 to 192.0.2.1 (RFC 5737), from and to the port of
 * the discard service (RFC 863), off-heap, as it goes into a guest's buffer.
 *
 * <p>It is there twice, the second time with the virtio-net header of a legacy guest, which has 10 bytes.
 *
 * <pre>
 *   0            12         26      46     54
 *   | virtio-net | Ethernet | IPv4  | UDP  | zeros ... |
 * </pre>
 */
final class NullFrame implements AutoCloseable {
    private static final int IP = VirtioNetHeader.LENGTH + 14;
    private static final int IP_CHECKSUM = IP + 10;
    private static final int IP_ADDRESSES = IP + 12;
    private static final int UDP = IP + 20;
    private static final int UDP_CHECKSUM = UDP + 6;

    private static final byte[] TARGET_MAC = {2, 0, 0, 0, 0, 2};
    private static final byte[] SOURCE_MAC = {2, 0, 0, 0, 0, 1};
    private static final int SOURCE = 0xC633_6401;
    private static final int TARGET = 0xC000_0201;
    private static final int UDP_PROTOCOL = 17;
    private static final short DISCARD = 9;

    private final Mapping memory;
    private final int lengthBytes;

    /**
     * Makes it.
     *
     * @param frameBytes its bytes without the virtio-net header, from 42 on; 0: there is no frame
     */
    NullFrame(int frameBytes) {
        lengthBytes = frameBytes == 0 ? 0 : VirtioNetHeader.LENGTH + frameBytes;
        memory = Mapping.anonymous(2L * Math.max(lengthBytes, VirtioNetHeader.LENGTH));
        if (frameBytes != 0) {
            RawMemory.copyFromArray(datagram(), 0, memory.address(), UDP_CHECKSUM + 2);
            VirtioNetHeader.plain(memory.address());
            fillInChecksums();
            RawMemory.copy(memory.address() + VirtioNetHeader.LENGTH,
                memory.address() + lengthBytes + VirtioNetHeader.LEGACY_LENGTH, frameBytes);
        }
    }

    private byte[] datagram() {
        ByteBuffer frame = ByteBuffer.allocate(lengthBytes).position(VirtioNetHeader.LENGTH);
        frame.put(TARGET_MAC).put(SOURCE_MAC).putShort((short) 0x0800);
        frame.putShort((short) 0x4500).putShort((short) (lengthBytes - IP)).putInt(0x4000);
        frame.putShort((short) (64 << 8 | UDP_PROTOCOL)).putShort((short) 0).putInt(SOURCE).putInt(TARGET);
        frame.putShort(DISCARD).putShort(DISCARD).putShort((short) (lengthBytes - UDP));
        return frame.array();
    }

    private void fillInChecksums() {
        long address = memory.address();
        RawMemory.putShort(address + IP_CHECKSUM, checksum(InternetChecksum.add(0, address + IP, UDP - IP)));
        long pseudoHeader = InternetChecksum.add(InternetChecksum.add(0, UDP_PROTOCOL), lengthBytes - UDP);
        short sum = checksum(InternetChecksum.add(pseudoHeader, address + IP_ADDRESSES, lengthBytes - IP_ADDRESSES));
        // 0 stands for "none" (RFC 768).
        RawMemory.putShort(address + UDP_CHECKSUM, sum == 0 ? -1 : sum);
    }

    private static short checksum(long sum) {
        return (short) ~InternetChecksum.fold(sum);
    }

    /** Where its virtio-net header of so many bytes begins. */
    long address(int headerBytes) {
        return headerBytes == VirtioNetHeader.LENGTH ? memory.address() : memory.address() + lengthBytes;
    }

    /** Its bytes, a virtio-net header of so many included; 0: there is no frame. */
    int lengthBytes(int headerBytes) {
        return lengthBytes == 0 ? 0 : lengthBytes - VirtioNetHeader.LENGTH + headerBytes;
    }

    @Override
    public void close() {
        memory.close();
    }
}
