package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapBurst;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import java.util.List;
import org.jspecify.annotations.Nullable;

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
 * <p>Where no frame can be longer than the next chain, there is nothing to bet on: it is read into the chain alone.
 * That is so while the TAP gives no frames that are to be segmented, and its MTU is what it was when the offloads were
 * set. Such frames are read several at a time, see {@link TapBurst}: as many as the last burst had.
 *
 * <p>A frame that fits no buffers now waits as the one pending frame until the driver offers more; only when no more
 * are to be expected is it dropped as too long. The spill lies in the baton, so that a pending frame
 * changes its owner with everything else.
 *
 * <p>Frames that one can stand for may go as one, see {@link CoalescedReads}.
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
    private final TapBurst incoming;
    private final @Nullable CoalescedReads coalesced;
    private long pendingAddress;
    private long pendingBytes;
    private int largeFrames;
    private boolean starved;

    /** Frames of the last burst: so many are likely to wait. A read that finds nothing costs half a frame. */
    private int expected;
    private int read;
    private long readBytes;
    private int delivered;
    private long deliveredBytes;

    /**
     * A way from a TAP to a guest.
     *
     * @param coalescing whether frames may be joined for a guest that takes segmented ones
     */
    TapToVirtqueue(TapQueue source, QueueCounters sourceCounters, StagingSlot slot, VirtqueueEnd target,
                   boolean coalescing) {
        this.source = source;
        this.sourceCounters = sourceCounters;
        this.target = target;
        this.slot = slot;
        this.spill = slot.spill();
        this.window = target.window();
        this.incoming = new TapBurst(source);
        this.coalesced = coalescing ? new CoalescedReads(source, target, window, spill) : null;
    }

    @Override
    public int doBurst(ChainBurst scratch) {
        Virtqueue queue = target.queue();
        starved = false;
        if (queue == null || !target.enabled() || !source.attached()) {
            return 0;
        }
        delivered = 0;
        deliveredBytes = 0;
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
        read = 0;
        readBytes = 0;
        CoalescedReads joined = coalesced;
        if (joined != null && joined.possible()) {
            readJoined(queue, joined);
        } else {
            readEach(queue);
        }
        expected = read;
        if (read > 0) {
            sourceCounters.received(read, readBytes);
        }
        return read;
    }

    private void readEach(Virtqueue queue) {
        boolean more = true;
        while (more && read < BURST && pendingBytes == 0) {
            int wanted = Math.min(Math.max(expected - read, read), BURST - read);
            boolean together = wanted >= TapBurst.WORTH_IT && gather(queue, wanted);
            more = together ? readGathered(queue) : readFrame(queue) > 0;
        }
    }

    /** Reads one frame after the other, those in a row of one flow as one. */
    private void readJoined(Virtqueue queue, CoalescedReads joined) {
        joined.reset();
        boolean more = true;
        while (more && read < BURST && pendingBytes == 0) {
            more = joined.isOpen() ? readNext(queue, joined) : readFrame(queue) > 0;
        }
        if (joined.isOpen()) {
            useRun(queue, joined);
        }
    }

    /** Reads a frame for the run that is open. */
    private boolean readNext(Virtqueue queue, CoalescedReads joined) {
        long length = joined.read();
        if (length <= 0) {
            return false;
        }
        countRead(length);
        if (!joined.append((int) length)) {
            pendingAddress = joined.takeOut((int) length);
            bet(length);
            useRun(queue, joined);
            pend(length);
            deliverPending(queue);
        } else if (!joined.isOpen()) {
            useRun(queue, joined);
        }
        return true;
    }

    private void useRun(Virtqueue queue, CoalescedReads joined) {
        delivered += joined.finish(queue);
        deliveredBytes += joined.frameBytes();
    }

    /** Gives the guest a frame that lies in the next chains, unless it begins a run. */
    private void useFrame(Virtqueue queue, long length) {
        CoalescedReads joined = coalesced;
        if (joined == null || !joined.possible() || !joined.begin((int) length)) {
            window.use(queue, length);
            deliveredOne(length);
        }
    }

    /** Gathers buffers for so many frames; false when they have to be read one by one. */
    private boolean gather(Virtqueue queue, int wanted) {
        if (target.legacy() != null || largeFrames > 0 || !window.offer(queue, 1)) {
            return false;
        }
        int buffers = window.plainChains(wanted, source.longestFrame() + 1);
        incoming.clear();
        for (int i = 0; i < buffers; i++) {
            incoming.add(window.plainAddress(i), window.plainBytes(i));
        }
        return buffers >= TapBurst.WORTH_IT;
    }

    /** Reads into the buffers that were gathered; returns whether all of them have a frame now. */
    private boolean readGathered(Virtqueue queue) {
        int found = incoming.read();
        for (int i = 0; i < found; i++) {
            long length = incoming.lengthBytes(i);
            countRead(length);
            window.use(queue, length);
            deliveredOne(length);
        }
        cutOff(incoming.cutOff());
        return found == incoming.count();
    }

    private void countRead(long length) {
        read++;
        readBytes += length - VirtioNetHeader.LENGTH;
    }

    /** Frames that were longer than any should have been: from now on there is room for them. */
    private void cutOff(int frames) {
        if (frames > 0) {
            source.forgetLongestFrame();
            read += frames;
            target.counters().txDrop(DropReason.TOO_LONG, frames);
        }
    }

    /** Reads one frame into the guest's buffers; returns its length with header, or not more than 0 without one. */
    private long readFrame(Virtqueue queue) {
        LegacyFrames legacy = target.legacy();
        if (legacy != null) {
            return readLegacyFrame(queue, legacy);
        }
        long wanted = target.mergeable() && largeFrames > 0 ? TapDevice.MAX_FRAME_BYTES : 1;
        if (!window.offer(queue, wanted)) {
            starved = true;
            return 0;
        }
        return window.plainChains(1, source.longestFrame() + 1) == 1 ? readAlone(queue) : readScattered(queue, wanted);
    }

    /** Reads a frame into the next chain, which is longer than any frame. */
    private long readAlone(Virtqueue queue) {
        long length = source.read(window.plainAddress(0), window.plainBytes(0));
        if (length >= window.plainBytes(0)) {
            cutOff(1);
        } else if (length > 0) {
            countRead(length);
            useFrame(queue, length);
        }
        return length;
    }

    /** Reads a frame into as many chains as it may need, and the spill. */
    private long readScattered(Virtqueue queue, long wanted) {
        IovecArray segments = window.segments();
        int first = window.segment();
        // One entry less than the kernel takes, for the spill; a readv of more would fail again and again.
        int count = Math.min(TapQueue.MAX_SEGMENTS - 1,
            target.mergeable() ? window.segmentsFor(wanted) : window.chainSegments());
        // The entry behind the offered ones belongs to the next chain: lend it to the spill for the length of a call.
        int spare = first + count;
        long base = segments.base(spare);
        long length = segments.length(spare);
        segments.set(spare, spill, StagingSlot.SPILL_BYTES);
        long result = source.readv(segments.address(first), count + 1);
        segments.set(spare, base, length);
        if (result > 0) {
            countRead(result);
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
        countRead(result);
        long length = result - LegacyFrames.MISSING_BYTES;
        if (length <= segments.bytes(first, count)) {
            legacy.received(segments, first);
            window.use(queue, length);
            deliveredOne(result);
        } else {
            target.counters().txDrop(DropReason.TOO_LONG, 1);
        }
        return result;
    }

    private void arrived(Virtqueue queue, long length, int first, int count) {
        long offered = window.segments().bytes(first, count);
        bet(length);
        if (length <= offered) {
            useFrame(queue, length);
        } else {
            overflowed(queue, length, first, offered);
        }
    }

    /** On frames like this one. */
    private void bet(long length) {
        largeFrames = length <= window.chainBytes() ? Math.max(0, largeFrames - 1) : LARGE_FRAME_MEMORY;
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
        boolean mergeable = target.mergeable();
        long room = !window.offer(queue, mergeable ? pendingBytes : 1) ? 0
            : mergeable ? window.bytesLeft() : window.chainBytes();
        if (!isPendingTaken()) {
            target.counters().txDrop(DropReason.OFFLOAD_NOT_NEGOTIATED, 1);
            pend(0);
        } else if (room >= pendingBytes) {
            SegmentCopy.scatter(pendingAddress, window.segments(), window.segment(), pendingBytes);
            window.use(queue, pendingBytes);
            deliveredOne(pendingBytes);
            pend(0);
        } else if (mergeable ? !window.mayGrow(queue) : room > 0) {
            target.counters().txDrop(DropReason.TOO_LONG, 1);
            pend(0);
        } else {
            starved = true;
        }
    }

    /** It may have waited for a guest that took other frames, or whose headers have 12 bytes and not 10. */
    private boolean isPendingTaken() {
        return target.legacy() == null && Offloads.accepted(RawMemory.getLong(pendingAddress), target.features());
    }

    private void pend(long bytes) {
        pendingBytes = bytes;
        slot.pending(pendingAddress, bytes);
    }

    @Override
    public void expect() {
        source.greetIoUring();
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
    public boolean awaitsTap() {
        return pendingBytes == 0 && !starved;
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
        if (coalesced != null) {
            coalesced.close();
        }
        target.releaseWindow();
    }
}
