package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.IovecArray;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;

/**
 * TAP to guest without a copy of ours: the kernel writes each frame, header included, straight into the guest's
 * buffers.
 *
 * <p>Theory of operation: nobody can tell how long the next frame is before it was read, and every segment offered to
 * {@code readv} costs time. So the transfer bets: after small frames it offers the next chain alone, after a frame
 * that was larger than a chain it offers as many chains as the largest frame needs. Behind the offered chains always
 * lies a <i>spill</i> of our own, large enough for the largest frame, so that a lost bet costs one copy and never a
 * truncated frame:
 *
 * <pre>
 *            offered chains            spill
 *   readv  [ s0 | s1 | ... ]  [ rest of a frame that was longer ]
 *
 *   HEAD_ROOM                 SPILL_BYTES
 *   [   ... | head of frame ] [ rest of frame ]       gathered: one piece, "pending"
 * </pre>
 *
 * <p>A frame that fits no buffers now waits as the one pending frame until the driver offers more; only when the
 * driver has nothing left to offer is it dropped as too long. The spill lies in the baton, so that a pending frame
 * changes its owner with everything else.
 */
final class TapToVirtqueue implements Transfer {
    /** So many small frames after a large one the bet on large frames is kept up. */
    private static final int LARGE_FRAME_MEMORY = 64;

    private final TapQueue source;
    private final QueueCounters sourceCounters;
    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private final StagingSlot slot;
    private final long spill;
    private long pendingAddress;
    private long pendingBytes;
    private int largeFrames;
    private boolean starved;

    private int delivered;
    private long deliveredBytes;

    TapToVirtqueue(TapQueue source, QueueCounters sourceCounters, StagingSlot slot, VirtqueueEnd target) {
        this.source = source;
        this.sourceCounters = sourceCounters;
        this.target = target;
        this.slot = slot;
        this.spill = slot.spill();
        this.window = target.window();
    }

    @Override
    public int doBurst(ChainBurst scratch) {
        Virtqueue queue = target.queue();
        if (queue == null || !target.enabled() || !source.attached()) {
            return 0;
        }
        delivered = 0;
        deliveredBytes = 0;
        starved = false;
        if (pendingBytes != 0) {
            deliverPending(queue);
        }
        int frames = pendingBytes == 0 ? readBurst(queue) : 0;
        if (delivered > 0) {
            target.counters().transmitted(delivered, deliveredBytes);
            target.publish(queue);
        }
        return frames;
    }

    private int readBurst(Virtqueue queue) {
        int frames = 0;
        long bytes = 0;
        while (frames < BURST && pendingBytes == 0) {
            long length = readFrame(queue);
            if (length <= 0) {
                break;
            }
            frames++;
            bytes += length - VirtioNetHeader.LENGTH;
        }
        if (frames > 0) {
            sourceCounters.received(frames, bytes);
        }
        return frames;
    }

    /** Reads one frame into the guest's buffers; returns its length with header, or not more than 0 without one. */
    private long readFrame(Virtqueue queue) {
        LegacyFrames legacy = target.legacy();
        if (legacy != null) {
            return readLegacyFrame(queue, legacy);
        }
        boolean mergeable = target.mergeable();
        long wanted = mergeable && largeFrames > 0 ? TapDevice.MAX_FRAME_BYTES : 1;
        if (!window.offer(queue, wanted)) {
            starved = true;
            return 0;
        }
        IovecArray segments = window.segments();
        int first = window.segment();
        // One entry less than the kernel takes, for the spill; a readv of more would fail again and again.
        int count = Math.min(TapQueue.MAX_SEGMENTS - 1,
            mergeable ? window.segmentsFor(wanted) : window.chainSegments());
        // The entry behind the offered ones belongs to the next chain: lend it to the spill for the length of a call.
        int spare = first + count;
        long base = segments.base(spare);
        long length = segments.length(spare);
        segments.set(spare, spill, StagingSlot.SPILL_BYTES);
        long result = source.readv(segments.address(first), count + 1);
        segments.set(spare, base, length);
        if (result > 0) {
            arrived(queue, result, first, count);
        }
        return result;
    }

    /** Such a guest has no mergeable buffers: the chain is as long as its frames get, or they are dropped. */
    private long readLegacyFrame(Virtqueue queue, LegacyFrames legacy) {
        if (!window.offer(queue, 1)) {
            starved = true;
            return 0;
        }
        IovecArray segments = window.segments();
        int first = window.segment();
        int count = Math.min(LegacyFrames.MAX_READ_SEGMENTS, window.chainSegments());
        legacy.receive(segments, first, count);
        legacy.append(spill, StagingSlot.SPILL_BYTES);
        long result = source.readv(legacy.list().address(), legacy.segments());
        if (result <= 0) {
            return result;
        }
        long length = result - LegacyFrames.MISSING_BYTES;
        if (length <= bytes(segments, first, count)) {
            legacy.received(segments, first);
            window.use(queue, length);
            deliveredOne(result);
        } else {
            target.counters().txDrop(DropReason.TOO_LONG, 1);
        }
        return result;
    }

    private static long bytes(IovecArray segments, int first, int count) {
        long bytes = 0;
        for (int i = first; i < first + count; i++) {
            bytes += segments.length(i);
        }
        return bytes;
    }

    private void arrived(Virtqueue queue, long length, int first, int count) {
        long offered = bytes(window.segments(), first, count);
        boolean small = length <= window.chainBytes();
        largeFrames = small ? Math.max(0, largeFrames - 1) : LARGE_FRAME_MEMORY;
        if (length <= offered) {
            window.use(queue, length);
            deliveredOne(length);
        } else {
            overflowed(queue, length, first, offered);
        }
    }

    private void overflowed(Virtqueue queue, long length, int first, long offered) {
        if (!target.mergeable() || offered > StagingSlot.HEAD_ROOM) {
            target.counters().txDrop(DropReason.TOO_LONG, 1);
            return;
        }
        pendingAddress = spill - offered;
        SegmentCopy.gather(window.segments(), first, pendingAddress, offered);
        pend(length);
        deliverPending(queue);
    }

    private void deliverPending(Virtqueue queue) {
        // One that waited for a guest with mergeable buffers is no frame for the next one, which has none.
        boolean fits = target.mergeable() && window.offer(queue, pendingBytes) && window.bytesLeft() >= pendingBytes;
        if (fits) {
            SegmentCopy.scatter(pendingAddress, window.segments(), window.segment(), pendingBytes);
            window.use(queue, pendingBytes);
            deliveredOne(pendingBytes);
            pend(0);
        } else if (!target.mergeable() || !window.mayGrow(queue)) {
            target.counters().txDrop(DropReason.TOO_LONG, 1);
            pend(0);
        } else {
            starved = true;
        }
    }

    private void pend(long bytes) {
        pendingBytes = bytes;
        slot.pending(pendingAddress, bytes);
    }

    @Override
    public void resume() {
        pendingBytes = slot.pendingBytes();
        pendingAddress = slot.pendingAddress();
    }

    private void deliveredOne(long length) {
        delivered++;
        deliveredBytes += length - VirtioNetHeader.LENGTH;
    }

    @Override
    public boolean armWakeups() {
        Virtqueue queue = target.queue();
        return queue != null && starved && queue.enableNotifications();
    }

    @Override
    public void disarmWakeups() {
        Virtqueue queue = target.queue();
        if (queue != null) {
            queue.disableNotifications();
        }
    }

    @Override
    public Fd tapInput() {
        return source.fd();
    }

    @Override
    public List<VirtqueueEnd> virtqueueEnds() {
        return List.of(target);
    }

    @Override
    public void release() {
        target.releaseWindow();
    }
}
