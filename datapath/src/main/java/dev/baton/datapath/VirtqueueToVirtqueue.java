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
 * against what its sender negotiated, and the checked copy is what the receiver gets. What the receiver does not take
 * from the sender is done in software, see {@link SoftwareDelivery}. When the receiver has no buffer
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
    private final FramePlacer placer;
    private final SoftwareDelivery software;
    private boolean starved;

    private int received;
    private long receivedBytes;
    private int plain;
    private long plainBytes;

    VirtqueueToVirtqueue(VirtqueueEnd source, VirtqueueEnd target) {
        this.source = source;
        this.target = target;
        this.window = target.window();
        this.placer = new FramePlacer(target, window);
        this.software = new SoftwareDelivery(target, window, placer);
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
        plain = 0;
        plainBytes = 0;
        placer.reset();
        starved = false;
        boolean legacy = source.legacy() != null || target.legacy() != null;
        // One frame can become many, and the burst shall stay as long as others are.
        while (taken < count && !starved && placer.frames() < MAX_BURST) {
            taken += !legacy && window.offer(targetQueue, 1) ? takePlain(sourceQueue, targetQueue, burst, taken) : 0;
            if (taken < count && takeOther(sourceQueue, targetQueue, burst, taken)) {
                taken++;
            }
        }
        int delivered = plain + placer.frames();
        if (delivered > 0) {
            target.counters().transmitted(delivered, plainBytes + placer.bytes());
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
        plain += count;
        plainBytes += run.bytes();
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
        target.releaseWindow();
    }
}
