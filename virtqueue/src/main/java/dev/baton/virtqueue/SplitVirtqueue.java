package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * The device side of a split virtqueue (virtio 1.2, 2.7).
 *
 * <p>Theory of operation. All indices run free in 16 bits; a slot is an index modulo the size.
 *
 * <pre>
 *   available ring, written by the driver          used ring, written here
 *   ... | consumed | fetched, pending | free       ... | published | shadow used | free
 *                  ^ lastAvailIdx     ^ avail.idx                  ^ used.idx    ^ usedIdx
 * </pre>
 *
 * <p>A fetch makes one acquire load of {@code avail.idx}, copies the heads of the burst, then walks the chains, so
 * that the misses on indices and on descriptors overlap. {@link #use} writes the used entry straight into its slot,
 * which the driver does not look at before {@code used.idx} passes it; where IN_ORDER was negotiated one entry, with
 * the head of the last, stands for all chains that were read together (virtio 1.2, 2.7.14). {@link #publish} is one
 * release store of {@code used.idx}, one full fence, and one look at what the driver wants: {@code used_event} when
 * EVENT_IDX was negotiated, else {@code avail.flags} (virtio 1.2, 2.7.7 and 2.7.10). Between the two it writes its
 * {@link QueueRecord}, where it keeps one: another owner can go on from there.
 */
public final class SplitVirtqueue implements Virtqueue {

    private static final int INDEX_MASK = 0xFFFF;
    private static final int NO_INTERRUPT = 1;
    private static final short NO_NOTIFY = 1;

    private final SplitChainWalker walker;
    private final int size;
    private final int slotMask;
    /** {@link #INDEX_MASK}, but not as a constant: see {@link SplitChainWalker}. */
    private final int headMask;
    private final boolean eventIdx;
    private final boolean inOrder;
    private VirtqueueLayout layout;
    private long availIndex;
    private long availRing;
    private long usedIndex;
    private long usedRing;
    private int lastAvailIdx;
    private int usedIdx;
    private int signalledUsed;
    /** The used index that the driver sees. */
    private int shownIdx;
    /** The driver's index as the last fetch saw it. */
    private int availIdxSeen;
    private boolean fetchedAll;
    private @Nullable VirtqueueFault fault;
    /** Address of the record that this queue keeps, 0 without. */
    private long record;
    /** Address of the queue region of the inflight region that this queue keeps, 0 without. */
    private long inflight;
    private @Nullable DirtyLog log;
    /** Guest address of the used ring; -1 when it lies in no region. */
    private long usedRingGuest;

    /** See {@link Virtqueue#of}. */
    public SplitVirtqueue(VirtqueueLayout layout, GuestMemory memory, long features, QueueState state) {
        this.size = layout.size();
        this.slotMask = size - 1;
        this.headMask = INDEX_MASK;
        this.eventIdx = (features & Features.EVENT_IDX) != 0;
        this.inOrder = (features & Features.IN_ORDER) != 0;
        this.walker = new SplitChainWalker(size, features);
        this.layout = layout;
        memory(memory, layout);
        goOnAt(state);
    }

    private void goOnAt(QueueState state) {
        state.check(RingFormat.SPLIT, size);
        lastAvailIdx = state.lastAvailIdx();
        usedIdx = state.usedIdx();
        shownIdx = usedIdx;
        signalledUsed = state.signalledUsed();
        fault = state.fault();
        availIdxSeen = lastAvailIdx;
    }

    @Override
    public void keep(QueueRecord kept) {
        record = kept.address();
        writeRecord();
    }

    @Override
    public void inflight(@Nullable InflightQueue region) {
        inflight = region == null ? 0 : region.address();
    }

    @Override
    public void resume(QueueRecord kept) {
        goOnAt(kept.state());
        keep(kept);
    }

    @Override
    public void follow(QueueRecord followed) {
        goOnAt(followed.state());
    }

    /** As chains are used in order, all before the used index in the ring are done and none after it. */
    @Override
    public void recover(QueueRecord kept) {
        int used = usedIndexInRing(layout);
        goOnAt(new QueueState(used, used, QueueState.UNSIGNALLED, kept.faultOr(fault)));
        keep(kept);
    }

    private void writeRecord() {
        if (record != 0) {
            QueueRecord.write(record, lastAvailIdx, usedIdx, signalledUsed, fault);
        }
        if (inflight != 0) {
            InflightQueue.writeSplit(inflight, shownIdx);
        }
    }

    /** The used index that stands in the ring. */
    static int usedIndexInRing(VirtqueueLayout layout) {
        return RawMemory.getShortAcquire(layout.usedRing() + VirtqueueLayout.INDEX_OFFSET) & INDEX_MASK;
    }

    @Override
    public void memory(GuestMemory memory, VirtqueueLayout newLayout) {
        layout.checkReplacement(newLayout);
        layout = newLayout;
        availIndex = newLayout.availableRing() + VirtqueueLayout.INDEX_OFFSET;
        availRing = newLayout.availableRing() + VirtqueueLayout.RING_OFFSET;
        usedIndex = newLayout.usedRing() + VirtqueueLayout.INDEX_OFFSET;
        usedRing = newLayout.usedRing() + VirtqueueLayout.RING_OFFSET;
        usedRingGuest = memory.guestAddress(newLayout.usedRing());
        walker.memory(memory, newLayout.descriptorTable());
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public VirtqueueLayout layout() {
        return layout;
    }

    @Override
    public int fetchReadable(ChainBurst into, int maxChains) {
        return fetch(into, maxChains, Long.MAX_VALUE, false);
    }

    @Override
    public int fetchWritable(ChainBurst into, int maxChains) {
        return fetch(into, maxChains, Long.MAX_VALUE, true);
    }

    @Override
    public int fetchWritable(ChainBurst into, int maxChains, long enoughBytes) {
        return fetch(into, maxChains, enoughBytes, true);
    }

    private int fetch(ChainBurst into, int maxChains, long enoughBytes, boolean writable) {
        into.clear();
        int available = look();
        int limit = Math.min(available, Math.min(maxChains, into.maxChains()));
        int[] heads = into.heads;
        copyHeads(heads, limit);
        walker.walkPlain(into, heads, limit, enoughBytes, writable);
        while (into.count() < limit && into.totalBytes() < enoughBytes) {
            if (!walker.walk(into, heads[into.count()], writable)) {
                return stop(into);
            }
            walker.walkPlain(into, heads, limit, enoughBytes, writable);
        }
        fetchedAll = into.count() == available;
        return into.count();
    }

    /** Chains available; the one acquire load of a fetch. */
    private int look() {
        if (fault != null) {
            return 0;
        }
        int seen = RawMemory.getShortAcquire(availIndex) & INDEX_MASK;
        availIdxSeen = seen;
        int available = seen - lastAvailIdx & INDEX_MASK;
        if (available > size) {
            fault = VirtqueueFault.AVAIL_INDEX_AHEAD;
            writeRecord();
            return 0;
        }
        return available;
    }

    private void copyHeads(int[] heads, int count) {
        int from = lastAvailIdx;
        for (int i = 0; i < count; i++) {
            heads[i] = RawMemory.getShort(availRing + ((from + i & slotMask) << 1)) & headMask;
        }
    }

    /** A chain did not get into the burst: those before it go first; alone it is returned with length 0. */
    private int stop(ChainBurst into) {
        fetchedAll = false;
        if (into.count() == 0) {
            fault = walker.refusal();
            if (fault != VirtqueueFault.HEAD_OUT_OF_RANGE) {
                use(into.heads[0], 0);
                show();
            }
            writeRecord();
        }
        return into.count();
    }

    @Override
    public void use(int head, int writtenBytes) {
        long entry = (head & 0xFFFFL) | ((long) writtenBytes << 32);
        RawMemory.putLong(usedRing + ((long) (usedIdx & slotMask) << 3), entry);
        advance(1);
    }

    @Override
    public void use(ChainBurst chains, int from, int count) {
        int[] heads = chains.heads;
        if (inOrder && count > 0) {
            RawMemory.putLong(usedRing + ((long) (usedIdx & slotMask) << 3), heads[from + count - 1] & 0xFFFFL);
            advance(count);
        } else {
            use(chains, from, count, 0);
        }
    }

    @Override
    public void use(ChainBurst chains, int from, int count, int writtenBytes) {
        int[] heads = chains.heads;
        long written = (long) writtenBytes << 32;
        int used = usedIdx;
        long ring = usedRing;
        for (int i = from; i < from + count; i++) {
            RawMemory.putLong(ring + ((long) (used & slotMask) << 3), (heads[i] & 0xFFFFL) | written);
            used++;
        }
        advance(count);
    }

    @Override
    public void use(ChainBurst chains, int from, int count, ChainBurst frames, int firstFrame) {
        int[] heads = chains.heads;
        int[] lengths = frames.lengths;
        int frame = firstFrame;
        int used = usedIdx;
        long ring = usedRing;
        for (int i = from; i < from + count; i++) {
            long entry = (heads[i] & 0xFFFFL) | ((long) lengths[frame] << 32);
            RawMemory.putLong(ring + ((long) (used & slotMask) << 3), entry);
            used++;
            frame++;
        }
        advance(count);
    }

    private void advance(int chains) {
        usedIdx = usedIdx + chains & INDEX_MASK;
        lastAvailIdx = lastAvailIdx + chains & INDEX_MASK;
    }

    /** Shows the driver what was used. */
    private void show() {
        DirtyLog to = log;
        if (to != null) {
            logBuffers(to);
        }
        RawMemory.putShortRelease(usedIndex, (short) usedIdx);
        if (to != null) {
            logRing(to);
        }
        shownIdx = usedIdx;
    }

    @Override
    public boolean publish() {
        int before = signalledUsed;
        if (before == usedIdx) {
            return false;
        }
        show();
        RawMemory.fullFence();
        signalledUsed = usedIdx;
        writeRecord();
        if (!eventIdx) {
            return (RawMemory.getShort(layout.availableRing()) & NO_INTERRUPT) == 0;
        }
        return before == QueueState.UNSIGNALLED
            || passed(RawMemory.getShort(layout.usedEvent()), usedIdx, before);
    }

    /** Buffers are marked while their descriptors are still the driver's word for where they lie. */
    private void logBuffers(DirtyLog to) {
        for (int i = shownIdx; i != usedIdx; i = i + 1 & INDEX_MASK) {
            long entry = RawMemory.getLong(usedRing + ((long) (i & slotMask) << 3));
            walker.mark(to, (int) entry & headMask, entry >>> 32);
        }
    }

    private void logRing(DirtyLog to) {
        if (usedRingGuest >= 0) {
            to.mark(usedRingGuest, VirtqueueLayout.RING_OFFSET);
            for (int i = shownIdx; i != usedIdx; i = i + 1 & INDEX_MASK) {
                to.mark(usedRingGuest + VirtqueueLayout.RING_OFFSET + ((long) (i & slotMask) << 3), Long.BYTES);
            }
        }
    }

    private void logSuppression() {
        DirtyLog to = log;
        if (to != null && usedRingGuest >= 0) {
            long offset = eventIdx ? layout.availEvent() - layout.usedRing() : 0;
            to.mark(usedRingGuest + offset, Short.BYTES);
        }
    }

    @Override
    public void log(@Nullable DirtyLog newLog) {
        log = newLog;
    }

    /** Whether the index went past {@code event} on its way from {@code before} to {@code now} (virtio 1.2, 2.7.10). */
    static boolean passed(int event, int now, int before) {
        return (now - event - 1 & INDEX_MASK) < (now - before & INDEX_MASK);
    }

    @Override
    public boolean enableNotifications() {
        if (eventIdx) {
            RawMemory.putShort(layout.availEvent(), (short) availIdxSeen);
        } else {
            RawMemory.putShort(layout.usedRing(), (short) 0);
        }
        logSuppression();
        RawMemory.fullFence();
        return fault == null && (RawMemory.getShortAcquire(availIndex) & INDEX_MASK) != availIdxSeen;
    }

    @Override
    public void disableNotifications() {
        if (!eventIdx) {
            RawMemory.putShort(layout.usedRing(), NO_NOTIFY);
            logSuppression();
        }
        // With EVENT_IDX the avail_event stays behind the driver's index, which asks for nothing (for 65535 chains).
    }

    @Override
    public boolean fetchedAll() {
        return fetchedAll;
    }

    @Override
    public boolean hasAvailable() {
        return fault == null && (RawMemory.getShortAcquire(availIndex) & INDEX_MASK) != lastAvailIdx;
    }

    /** The available index (virtio 1.2, 2.7.6). */
    @Override
    public long availableWord() {
        return availIndex;
    }

    @Override
    public @Nullable VirtqueueFault fault() {
        return fault;
    }

    @Override
    public QueueState state() {
        return new QueueState(lastAvailIdx, usedIdx, signalledUsed, fault);
    }
}
