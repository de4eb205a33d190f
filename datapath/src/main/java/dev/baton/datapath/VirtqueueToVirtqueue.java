package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Guest to guest with one copy and no buffer in between.
 *
 * <p>The sender can change its memory while we look at it, so the virtio-net header is read once into locals, checked
 * against what its sender negotiated, and the checked copy is what the receiver gets. What the receiver does not take
 * from the sender is done in software, see {@link SoftwareDelivery}; frames that one can stand for may go as one, see
 * {@link CoalescedDelivery}. When the receiver has no buffer the frames stay in the sender's virtqueue; when it has no
 * running queue they are dropped.
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
    private final FramePlacer placer;
    private final SoftwareDelivery software;
    private final @Nullable CoalescedDelivery coalesced;
    private boolean starved;

    // Of the burst that is being forwarded: what was taken from the sender, and what was delivered by others than the
    // placer.
    private int received;
    private long receivedBytes;
    private int delivered;
    private long deliveredBytes;

    /**
     * A way from one guest to another.
     *
     * @param coalescing whether frames may be joined for a receiver that takes segmented ones
     */
    VirtqueueToVirtqueue(VirtqueueEnd source, VirtqueueEnd target, boolean coalescing) {
        this.source = source;
        this.target = target;
        this.window = target.window();
        this.placer = new FramePlacer(target, window);
        this.software = new SoftwareDelivery(target, window, placer);
        this.coalesced = coalescing ? new CoalescedDelivery(source, target, window, placer) : null;
    }

    @Override
    public int doBurst(ChainBurst burst) {
        Virtqueue sourceQueue = source.queue();
        starved = false;
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
        return targetQueue == null || targetQueue.fault() != null || !target.enabled()
            ? dropAll(sourceQueue, burst, count) : forward(sourceQueue, targetQueue, burst, count);
    }

    private int forward(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst, int count) {
        received = 0;
        receivedBytes = 0;
        delivered = 0;
        deliveredBytes = 0;
        placer.reset();
        boolean legacy = source.legacy() != null || target.legacy() != null;
        CoalescedDelivery joined = legacy ? null : coalesced;
        int taken = joined != null && joined.possible() ? forwardJoined(sourceQueue, targetQueue, burst, joined)
            : forwardEach(sourceQueue, targetQueue, burst, 0, count, legacy);
        int frames = delivered + placer.frames();
        if (frames > 0) {
            target.counters().transmitted(frames, deliveredBytes + placer.bytes());
            target.publish(targetQueue);
        }
        if (received > 0) {
            source.counters().received(received, receivedBytes);
        }
        source.publish(sourceQueue);
        return taken;
    }

    /** Takes the frames from {@code from} to {@code end} as they are; returns the first that was not taken. */
    private int forwardEach(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst, int from, int end,
                            boolean legacy) {
        int next = from;
        // One frame can become many, and the burst shall stay as long as others are.
        while (next < end && !starved && placer.frames() < MAX_BURST) {
            next += !legacy && window.offer(targetQueue, 1) ? takePlain(sourceQueue, targetQueue, burst, next, end) : 0;
            if (next < end && takeOther(sourceQueue, targetQueue, burst, next)) {
                next++;
            }
        }
        return next;
    }

    /** Takes the burst's frames, those in a row of one flow as one; returns the first that was not taken. */
    private int forwardJoined(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst,
                              CoalescedDelivery joined) {
        int next = 0;
        while (next < burst.count() && !starved && placer.frames() < MAX_BURST) {
            int end = joined.nextRun(burst, next);
            int run = end == next ? joined.deliver(targetQueue, burst, next) : 1;
            if (run > 1) {
                takeRun(sourceQueue, burst, next, run);
                next += run;
            } else {
                // A first frame that begins no run after all goes by itself, lest it be looked at for ever.
                next = forwardEach(sourceQueue, targetQueue, burst, next, Math.max(end, next + 1), false);
            }
        }
        return next;
    }

    /** Gives the sender back frames that were delivered as one. */
    private void takeRun(Virtqueue sourceQueue, ChainBurst burst, int from, int count) {
        long bytes = -(long) count * VirtioNetHeader.LENGTH;
        for (int chain = from; chain < from + count; chain++) {
            bytes += burst.lengthBytes(chain);
        }
        sourceQueue.use(burst, from, count);
        took(count, bytes);
        target.counters().coalesced(count);
    }

    private void took(int count, long bytes) {
        delivered += count;
        deliveredBytes += bytes;
        received += count;
        receivedBytes += bytes;
    }

    /** Takes a run of plain frames; returns how many. */
    private int takePlain(Virtqueue sourceQueue, Virtqueue targetQueue, ChainBurst burst, int from, int end) {
        int count = run.copy(burst, from, end, window);
        window.usePlain(targetQueue, burst, from, count);
        sourceQueue.use(burst, from, count);
        took(count, run.bytes());
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
        long header = headerStart(from, segment);
        int csumOffset = csumOffset(from, segment);
        if (Offloads.asked(header)) {
            DropReason refused = Offloads.refusal(header, csumOffset, length, source.features());
            if (refused != null) {
                target.counters().txDrop(refused, 1);
                return true;
            }
            if (!Offloads.accepted(header, target.features())) {
                return software.deliver(targetQueue, from, segment, length, header, csumOffset);
            }
        }
        switch (placer.room(targetQueue, length)) {
            case THERE -> placer.place(targetQueue, from, segment, length, Offloads.sent(header), csumOffset);
            case NEVER -> target.counters().txDrop(DropReason.TOO_LONG, 1);
            case LATER -> {
                return false;
            }
        }
        return true;
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

    private static int csumOffset(IovecArray from, int segment) {
        if (from.length(segment) >= VirtioNetHeader.LEGACY_LENGTH) {
            return VirtioNetHeader.csumOffset(from.base(segment));
        }
        return (SegmentCopy.getByte(from, segment, VirtioNetHeader.CSUM_OFFSET_OFFSET) & 0xff)
            | (SegmentCopy.getByte(from, segment, VirtioNetHeader.CSUM_OFFSET_OFFSET + 1) & 0xff) << 8;
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
    public VirtqueueEnd awaitedSource() {
        return source;
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
        software.close();
        if (coalesced != null) {
            coalesced.close();
        }
        target.releaseWindow();
    }
}
