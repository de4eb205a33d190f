package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.VirtioNetHeader;

/**
 * Room in the baton for one frame that was read from a TAP and could not be delivered yet, so that it reaches the next
 * owner with everything else.
 *
 * <pre>
 *      0  offset  4   of the pending frame in the data
 *      4  bytes   4   of the pending frame, its header included; 0: none
 *   4096  data        {@link #HEAD_ROOM} + {@link #SPILL_BYTES}
 * </pre>
 */
final class StagingSlot {
    static final int BYTES = 256 * 1024;
    /** Room before the spill, for the head of a frame that was read into buffers in the first place. */
    static final int HEAD_ROOM = 128 * 1024;
    /** Room for the longest frame. */
    static final int SPILL_BYTES = TapDevice.MAX_FRAME_BYTES;

    private static final int DATA_OFFSET = 4096;
    private static final int DATA_BYTES = HEAD_ROOM + SPILL_BYTES;

    private final long address;
    /** What was read of the slot the last time; the owner before may still write to it. */
    private long looked;

    StagingSlot(long address) {
        this.address = address;
    }

    /** Address of the spill. */
    long spill() {
        return address + DATA_OFFSET + HEAD_ROOM;
    }

    /** Says which frame is pending; {@code bytes} 0: none. One store, so that it is never seen half. */
    void pending(long frameAddress, long bytes) {
        long offset = bytes == 0 ? 0 : frameAddress - address - DATA_OFFSET;
        RawMemory.putLongRelease(address, offset | bytes << Integer.SIZE);
    }

    void clear() {
        RawMemory.putLongRelease(address, 0);
    }

    /** Looks for a pending frame: its bytes, 0 without one; what is impossible counts as none. */
    long pendingBytes() {
        looked = RawMemory.getLongAcquire(address);
        long bytes = looked >>> Integer.SIZE;
        return bytes >= VirtioNetHeader.LENGTH && bytes <= SPILL_BYTES && offset() <= DATA_BYTES - bytes ? bytes : 0;
    }

    /** Where the frame lies that {@link #pendingBytes} has found. */
    long pendingAddress() {
        return address + DATA_OFFSET + offset();
    }

    private long offset() {
        return looked & 0xFFFF_FFFFL;
    }
}
