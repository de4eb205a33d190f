package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;

/** Copies single frames into the next chains of a receiveq, whatever segments they and the chains have. */
final class FramePlacer {
    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private int frames;
    private long bytes;

    FramePlacer(VirtqueueEnd target, ReceiveWindow window) {
        this.target = target;
        this.window = window;
    }

    /** What a frame finds. */
    enum Room {
        /** Chains that hold it. */
        THERE,
        /** Too few, and the driver may still add some. */
        LATER,
        /** Too few, and more are not to be expected. */
        NEVER
    }

    /** Whether a frame of so many bytes, header included, finds chains. */
    Room room(Virtqueue targetQueue, int length) {
        boolean mergeable = target.mergeable();
        if (!window.offer(targetQueue, mergeable ? length : 1)) {
            return Room.LATER;
        }
        int chainBytes = length - VirtioNetHeader.LENGTH + target.headerBytes();
        if (chainBytes <= (mergeable ? window.bytesLeft() : window.chainBytes())) {
            return Room.THERE;
        }
        return mergeable && window.mayGrow(targetQueue) ? Room.LATER : Room.NEVER;
    }

    /** Puts a frame, for which there is room, into the next chains, and counts it; parameters as for {@link #put}. */
    void place(Virtqueue targetQueue, IovecArray from, int segment, int length, long header, int csumOffset) {
        put(targetQueue, from, segment, length, header, csumOffset);
        frames++;
        bytes += length - VirtioNetHeader.LENGTH;
    }

    /**
     * Puts a frame, for which there is room, into the next chains.
     *
     * @param header     what the first 8 bytes of its virtio-net header shall be, for what lies there may have changed
     * @param csumOffset and its {@code csum_offset}
     */
    void put(Virtqueue targetQueue, IovecArray from, int segment, int length, long header, int csumOffset) {
        LegacyFrames legacy = target.legacy();
        if (legacy == null) {
            copy(from, segment, window.segments(), window.segment(), length);
            setHeader(window.segments(), window.segment(), header, csumOffset);
            window.use(targetQueue, length);
        } else {
            legacy.receive(window.segments(), window.segment(), window.chainSegments());
            copy(from, segment, legacy.list(), 0, length);
            setHeader(legacy.list(), 0, header, csumOffset);
            legacy.received(window.segments(), window.segment());
            window.use(targetQueue, length - LegacyFrames.MISSING_BYTES);
        }
    }

    private static void copy(IovecArray from, int segment, IovecArray to, int targetSegment, int length) {
        if (from.length(segment) == length && to.length(targetSegment) >= length) {
            RawMemory.copy(from.base(segment), to.base(targetSegment), length);
        } else {
            SegmentCopy.copy(from, segment, to, targetSegment, length);
        }
    }

    private static void setHeader(IovecArray to, int segment, long header, int csumOffset) {
        if (to.length(segment) >= VirtioNetHeader.LEGACY_LENGTH) {
            RawMemory.putLong(to.base(segment), header);
            RawMemory.putShort(to.base(segment) + VirtioNetHeader.CSUM_OFFSET_OFFSET, (short) csumOffset);
            return;
        }
        for (int i = 0; i < Long.BYTES; i++) {
            SegmentCopy.putByte(to, segment, i, (byte) (header >>> (8 * i)));
        }
        SegmentCopy.putByte(to, segment, VirtioNetHeader.CSUM_OFFSET_OFFSET, (byte) csumOffset);
        SegmentCopy.putByte(to, segment, VirtioNetHeader.CSUM_OFFSET_OFFSET + 1, (byte) (csumOffset >>> 8));
    }

    /** Begins to count anew. */
    void reset() {
        frames = 0;
        bytes = 0;
    }

    /** Frames that {@link #place} was called for since {@link #reset}. */
    int frames() {
        return frames;
    }

    /** Their bytes, without virtio-net headers. */
    long bytes() {
        return bytes;
    }
}
