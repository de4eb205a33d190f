package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;

/**
 * Guest to guest with one copy and no buffer in between.
 *
 * <p>The sender can change its memory while we look at it, so the virtio-net header is read once into locals, checked
 * against what both sides negotiated, and the checked copy is what the receiver gets. When the receiver has no buffer
 * the frames stay in the sender's virtqueue; when it has no running queue they are dropped.
 */
final class VirtqueueToVirtqueue implements Transfer {
    /**
     * As long as those of a TAP. A chain can hold megabytes, and a receiver whose buffers are mergeable would be given
     * them; none has room for such a frame where it puts frames together.
     */
    private static final int LONGEST_FRAME = TapDevice.MAX_FRAME_BYTES;

    private final VirtqueueEnd source;
    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private final PlainRun run = new PlainRun();
    private boolean starved;

    private int received;
    private long receivedBytes;
    private int delivered;
    private long deliveredBytes;

    VirtqueueToVirtqueue(VirtqueueEnd source, VirtqueueEnd target) {
        this.source = source;
        this.target = target;
        this.window = target.window();
    }

    @Override
    public int doBurst(ChainBurst burst) {
        Virtqueue sourceQueue = source.queue();
        if (sourceQueue == null) {
            return 0;
        }
        int count = sourceQueue.fetchReadable(burst, Transfer.longestBurst(sourceQueue));
        if (count == 0) {
            source.checkFault(sourceQueue);
            return 0;
        }
        if (!source.enabled()) {
            return source.discard(sourceQueue, burst, count);
        }
        Virtqueue targetQueue = target.queue();
        return targetQueue == null || !target.enabled()
            ? dropAll(sourceQueue, burst, count) : forward(sourceQueue, targetQueue, burst, count);
    }

    private int forward(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst, int count) {
        int taken = 0;
        received = 0;
        receivedBytes = 0;
        delivered = 0;
        deliveredBytes = 0;
        starved = false;
        boolean legacy = source.legacy() != null || target.legacy() != null;
        while (taken < count && !starved) {
            taken += !legacy && window.offer(targetQueue, 1) ? takePlain(sourceQueue, targetQueue, burst, taken) : 0;
            if (taken < count && takeOther(sourceQueue, targetQueue, burst, taken)) {
                taken++;
            }
        }
        if (delivered > 0) {
            target.counters().transmitted(delivered, deliveredBytes);
            target.publish(targetQueue);
        }
        if (received > 0) {
            source.counters().received(received, receivedBytes);
        }
        source.publish(sourceQueue);
        return taken;
    }

    /** Takes a run of plain frames; returns how many. */
    private int takePlain(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst, int from) {
        int count = run.copy(burst, from, window);
        window.usePlain(targetQueue, burst, from, count);
        sourceQueue.use(burst, from, count);
        delivered += count;
        deliveredBytes += run.bytes();
        received += count;
        receivedBytes += run.bytes();
        return count;
    }

    /** Takes any frame; false when the receiver has too few buffers for it at the moment. */
    private boolean takeOther(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst, int chain) {
        IovecArray from = burst.segments();
        int segment = burst.firstSegment(chain);
        int length = burst.lengthBytes(chain);
        LegacyFrames legacy = source.legacy();
        if (legacy != null) {
            legacy.send(from, segment, burst.segmentCount(chain));
            from = legacy.list();
            segment = 0;
            length += LegacyFrames.MISSING_BYTES;
        }
        if (length < Offloads.SHORTEST_FRAME) {
            source.counters().rxDrop(DropReason.RUNT, 1);
        } else if (length > LONGEST_FRAME) {
            source.counters().rxDrop(DropReason.TOO_LONG, 1);
        } else if (deliver(targetQueue, from, segment, length)) {
            received++;
            receivedBytes += length - VirtioNetHeader.LENGTH;
        } else {
            starved = true;
            return false;
        }
        sourceQueue.use(burst.head(chain), 0);
        return true;
    }

    /** Delivers or drops one frame; false when the receiver has too few buffers at the moment. */
    private boolean deliver(Virtqueue targetQueue, IovecArray from, int segment, int length) {
        boolean mergeable = target.mergeable();
        if (!window.offer(targetQueue, mergeable ? length : 1)) {
            return false;
        }
        int chainBytes = length - VirtioNetHeader.LENGTH + target.headerBytes();
        if (chainBytes > (mergeable ? window.bytesLeft() : window.chainBytes())) {
            if (mergeable && window.mayGrow(targetQueue)) {
                return false;
            }
            target.counters().txDrop(DropReason.TOO_LONG, 1);
            return true;
        }
        long header = headerStart(from, segment);
        if (Offloads.asked(header)) {
            DropReason refused = Offloads.refusal((int) header & 0xff,
                (int) (header >>> (8 * VirtioNetHeader.GSO_TYPE_OFFSET)) & 0xff, source.features(), target.features());
            if (refused != null) {
                target.counters().txDrop(refused, 1);
                return true;
            }
        }
        place(targetQueue, from, segment, length, header);
        return true;
    }

    /** Puts a frame, which fits, into the next chains. */
    private void place(Virtqueue targetQueue, IovecArray from, int segment, int length, long header) {
        LegacyFrames legacy = target.legacy();
        if (legacy == null) {
            copy(from, segment, window.segments(), window.segment(), length, header);
            window.use(targetQueue, length);
        } else {
            legacy.receive(window.segments(), window.segment(), window.chainSegments());
            copy(from, segment, legacy.list(), 0, length, header);
            legacy.received(window.segments(), window.segment());
            window.use(targetQueue, length - LegacyFrames.MISSING_BYTES);
        }
        delivered++;
        deliveredBytes += length - VirtioNetHeader.LENGTH;
    }

    /** Copies a frame, its header included, and makes the header's first 8 bytes what was checked. */
    private static void copy(IovecArray from, int segment, IovecArray to, int targetSegment, int length, long header) {
        long sourceLength = from.length(segment);
        if (sourceLength == length && to.length(targetSegment) >= length) {
            RawMemory.copy(from.base(segment), to.base(targetSegment), length);
        } else {
            SegmentCopy.copy(from, segment, to, targetSegment, length);
        }
        restoreHeader(to, targetSegment, Offloads.sent(header));
    }

    /** The header's first 8 bytes: flags, type and sizes, which decide what the frame asks of its receiver. */
    private static long headerStart(IovecArray from, int segment) {
        if (from.length(segment) >= Long.BYTES) {
            return RawMemory.getLong(from.base(segment));
        }
        long header = 0;
        for (int i = Long.BYTES - 1; i >= 0; i--) {
            header = header << 8 | (SegmentCopy.getByte(from, segment, i) & 0xff);
        }
        return header;
    }

    private static void restoreHeader(IovecArray to, int segment, long header) {
        if (to.length(segment) >= Long.BYTES) {
            RawMemory.putLong(to.base(segment), header);
        } else {
            for (int i = 0; i < Long.BYTES; i++) {
                SegmentCopy.putByte(to, segment, i, (byte) (header >>> (8 * i)));
            }
        }
    }

    private int dropAll(Virtqueue sourceQueue, ChainBurst burst, int count) {
        long bytes = 0;
        for (int i = 0; i < count; i++) {
            bytes += burst.lengthBytes(i) - source.headerBytes();
        }
        sourceQueue.use(burst, 0, count);
        source.counters().received(count, bytes);
        target.counters().txDrop(DropReason.PEER_DOWN, count);
        source.publish(sourceQueue);
        return count;
    }

    @Override
    public boolean armWakeups() {
        Virtqueue sourceQueue = source.queue();
        if (sourceQueue == null) {
            return false;
        }
        Virtqueue targetQueue = target.queue();
        if (starved && targetQueue != null) {
            return targetQueue.enableNotifications();
        }
        return sourceQueue.enableNotifications();
    }

    @Override
    public void disarmWakeups() {
        Virtqueue sourceQueue = source.queue();
        if (sourceQueue != null) {
            sourceQueue.disableNotifications();
        }
        Virtqueue targetQueue = target.queue();
        if (targetQueue != null) {
            targetQueue.disableNotifications();
        }
    }

    @Override
    public List<VirtqueueEnd> virtqueueEnds() {
        return List.of(source, target);
    }

    @Override
    public void release() {
        target.releaseWindow();
    }
}
