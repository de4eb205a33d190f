package dev.baton.vhostuser;

import dev.baton.virtqueue.VirtqueueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Bodies of messages, byte for byte. */
final class Body {
    static final byte[] EMPTY = new byte[0];

    private Body() {
    }

    static byte[] u64(long... values) {
        ByteBuffer body = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            body.putLong(value);
        }
        return body.array();
    }

    static byte[] u32(int... values) {
        ByteBuffer body = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            body.putInt(value);
        }
        return body.array();
    }

    static byte[] join(byte[]... parts) {
        ByteBuffer body = ByteBuffer.allocate(4096);
        for (byte[] part : parts) {
            body.put(part);
        }
        byte[] all = new byte[body.position()];
        body.flip().get(all);
        return all;
    }

    static byte[] region(SharedMemory memory) {
        RegionDescription region = memory.description();
        return u64(region.guestAddress(), region.sizeBytes(), region.userAddress(), region.fileOffset());
    }

    /** As QEMU and DPDK pad it. */
    static byte[] inflight(long bytes, long offset, int queues, int queueSize) {
        return join(u64(bytes, offset), u32(queues | queueSize << 16, 0));
    }

    static byte[] slot(SharedMemory memory) {
        return join(u64(0), region(memory));
    }

    static byte[] table(SharedMemory... regions) {
        byte[] body = u32(regions.length, 0);
        for (SharedMemory region : regions) {
            body = join(body, region(region));
        }
        return body;
    }

    static byte[] addresses(FrontEndRing ring) {
        return addresses(ring, 0, 0);
    }

    /** With flags, and the guest address at which writes to the used ring are logged. */
    static byte[] addresses(FrontEndRing ring, int flags, long log) {
        VirtqueueLayout layout = ring.layout();
        SharedMemory memory = ring.memory();
        return join(u32(ring.index(), flags), u64(memory.userOf(layout.descriptorTable()),
            memory.userOf(layout.usedRing()), memory.userOf(layout.availableRing()), log));
    }
}
