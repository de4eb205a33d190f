package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * The device side of a packed virtqueue (virtio 1.2, 2.8).
 *
 * <p>Theory of operation. There is one ring. A driver makes a chain available by writing its descriptors, and the
 * device shows it as used by writing a used descriptor over the first of them; the flags tell which is which. Chains
 * are used in order, so the place where a chain was is the place where it is shown, and one position says all:
 *
 * <pre>
 *   descriptor ring   ... free | used, not shown | fetched | available, not looked at | free ...
 *                              ^ shown           ^ used                               ^ the driver's
 * </pre>
 *
 * <p>A fetch reads descriptors from {@code used} on until one is not available. {@link #use} only notes the used
 * descriptor. {@link #publish} writes them, the first one last, because the driver looks for that one; then comes one
 * full fence and one look at what the driver wants (virtio 1.2, 2.8.10). Where IN_ORDER was negotiated one used
 * descriptor stands for all chains that were read together, with the ID of the last of them (virtio 1.2, 2.8.11).
 *
 * <p>Used descriptors replace what they stand for, so a successor cannot see from the ring alone how far an owner came
 * that died while it was writing them: see {@link PackedRecovery}.
 */
public final class PackedVirtqueue implements Virtqueue {
    private static final long ID_MASK = 0xFFFF;
    private static final long ID_BITS = ID_MASK << PackedChainWalker.ID_SHIFT;
    private static final int POSITION_MASK = 0xFFFF;
    /** Of the flags, in the second half of a descriptor. */
    private static final int FLAGS_OFFSET = 6;
    private static final int EVENT_DISABLE = 1 << 16;
    private static final int EVENT_AT_DESCRIPTOR = 2 << 16;
    private static final int EVENT_MODE = 3 << 16;

    private final PackedChainWalker walker;
    private final int size;
    private final boolean eventIdx;
    private final boolean inOrder;
    /** Used descriptors, not written yet: the second halves, and the slots where they belong. */
    private final long[] shadow;
    private final int[] shadowSlots;
    private int shadowCount;
    private VirtqueueLayout layout;
    private long ring;
    private int shown;
    private int used;
    private int signalledUsed;
    /** Where the last fetch stopped. */
    private int looked;
    private boolean fetchedAll;
    private @Nullable VirtqueueFault fault;
    /** Address of the record that this queue keeps, 0 without. */
    private long record;
    /** Address of the queue region of the inflight region that this queue keeps, 0 without. */
    private long inflight;
    private @Nullable DirtyLog log;
    /** Guest addresses of what is written here; -1 when they lie in no region. */
    private long ringGuest;
    private long eventGuest;

    /** See {@link Virtqueue#of}. */
    public PackedVirtqueue(VirtqueueLayout layout, GuestMemory memory, long features, QueueState state) {
        this.size = layout.size();
        this.eventIdx = (features & Features.EVENT_IDX) != 0;
        this.inOrder = (features & Features.IN_ORDER) != 0;
        this.walker = new PackedChainWalker(size, features);
        this.shadow = new long[size];
        this.shadowSlots = new int[size];
        this.layout = layout;
        memory(memory, layout);
        goOnAt(state);
    }

    private void goOnAt(QueueState state) {
        state.check(RingFormat.PACKED, size);
        used = state.usedIdx();
        shown = used;
        looked = used;
        shadowCount = 0;
        signalledUsed = state.signalledUsed();
        fault = state.fault();
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

    private void writeRecord() {
        if (record != 0) {
            QueueRecord.write(record, used, used, signalledUsed, fault);
        }
        if (inflight != 0) {
            InflightQueue.writePacked(inflight, shown);
        }
    }

    @Override
    public void recover(QueueRecord kept) {
        QueueState last = lastState(kept);
        int at = new PackedRecovery(ring, size).finish(kept, last);
        goOnAt(new QueueState(at, at, QueueState.UNSIGNALLED, last.fault()));
        keep(kept);
    }

    /** Of a record that makes no sense nothing is believed: this owner knows where it began to follow. */
    private QueueState lastState(QueueRecord kept) {
        try {
            QueueState state = kept.state();
            state.check(RingFormat.PACKED, size);
            return state;
        } catch (IllegalArgumentException e) {
            return state();
        }
    }

    @Override
    public void memory(GuestMemory memory, VirtqueueLayout newLayout) {
        layout.checkReplacement(newLayout);
        layout = newLayout;
        ring = newLayout.descriptorTable();
        ringGuest = memory.guestAddress(ring);
        eventGuest = memory.guestAddress(newLayout.usedRing());
        walker.memory(memory, ring);
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
        if (fault != null) {
            return 0;
        }
        int limit = Math.min(maxChains, into.maxChains());
        walker.begin(used, size - PackedPosition.distance(shown, used, size));
        walker.walkPlain(into, limit, enoughBytes, writable);
        boolean more = walker.hasNext();
        while (more && into.count() < limit && into.totalBytes() < enoughBytes) {
            if (!walker.walk(into, writable)) {
                return stop(into);
            }
            walker.walkPlain(into, limit, enoughBytes, writable);
            more = walker.hasNext();
        }
        looked = walker.position();
        fetchedAll = !more;
        return into.count();
    }

    /** A chain did not get into the burst: those before it go first; alone it is returned with length 0. */
    private int stop(ChainBurst into) {
        looked = walker.position();
        fetchedAll = false;
        if (into.count() == 0) {
            fault = walker.refusal();
            int head = walker.headOfNext();
            if (head != PackedChainWalker.NO_HEAD) {
                use(head, 0);
                show();
            }
            writeRecord();
        }
        return into.count();
    }

    @Override
    public void use(int head, int writtenBytes) {
        note(head, writtenBytes, head >>> PackedChainWalker.SPAN_SHIFT);
    }

    @Override
    public void use(ChainBurst chains, int from, int count) {
        int[] heads = chains.heads;
        if (!inOrder || !joinsFirst(0)) {
            for (int i = from; i < from + count; i++) {
                use(heads[i], 0);
            }
        } else if (count > 0) {
            int span = 0;
            for (int i = from; i < from + count; i++) {
                span += heads[i] >>> PackedChainWalker.SPAN_SHIFT;
            }
            note(heads[from + count - 1], 0, span);
        }
    }

    @Override
    public void use(ChainBurst chains, int from, int count, int writtenBytes) {
        int[] heads = chains.heads;
        for (int i = from; i < from + count; i++) {
            use(heads[i], writtenBytes);
        }
    }

    @Override
    public void use(ChainBurst chains, int from, int count, ChainBurst frames, int firstFrame) {
        int[] heads = chains.heads;
        int[] lengths = frames.lengths;
        int shift = firstFrame - from;
        for (int i = from; i < from + count; i++) {
            use(heads[i], lengths[i + shift]);
        }
    }

    /**
     * Whether in order a chain with so many bytes is the first to be shown, or shares its used descriptor. No other is
     * shared: {@link PackedRecovery} would not find its end.
     */
    private boolean joinsFirst(int writtenBytes) {
        return writtenBytes == 0 && (shadowCount == 0 || (shadowCount == 1 && (int) shadow[0] == 0));
    }

    /** Notes one used descriptor for the next {@code span} descriptors; in order, chains that were read share one. */
    private void note(int head, int writtenBytes, int span) {
        int at = shadowCount;
        if (inOrder && at == 1 && joinsFirst(writtenBytes)) {
            shadow[0] = (shadow[0] & ~ID_BITS) | (head & ID_MASK) << PackedChainWalker.ID_SHIFT;
        } else {
            shadow[at] = (writtenBytes & 0xFFFFFFFFL) | (head & ID_MASK) << PackedChainWalker.ID_SHIFT
                | (writtenBytes != 0 ? PackedChainWalker.WRITE : 0)
                | (span > 1 ? PackedChainWalker.NEXT : 0) | PackedChainWalker.used(used);
            shadowSlots[at] = PackedPosition.slot(used);
            shadowCount = at + 1;
        }
        used = PackedPosition.advance(used, span, size);
    }

    /** Writes the used descriptors, the first one last. */
    private void show() {
        int count = shadowCount;
        if (count == 0) {
            return;
        }
        DirtyLog to = log;
        if (to != null) {
            logBuffers(to);
        }
        int second = count == 1 ? PackedRecovery.NO_SECOND : shadowSlots[1];
        if (record != 0) {
            QueueRecord.writeJournal(record, shown, used, second, shadow[0]);
        }
        if (inflight != 0) {
            InflightQueue.writeShowing(inflight, shown, used, second, shadow[0]);
        }
        long rest = ring + 8;
        for (int i = 1; i < count; i++) {
            RawMemory.putLong(rest + ((long) shadowSlots[i] << 4), shadow[i]);
        }
        RawMemory.putLongRelease(rest + ((long) shadowSlots[0] << 4), shadow[0]);
        if (to != null) {
            logRing(to);
        }
        shadowCount = 0;
        shown = used;
    }

    /** Buffers are marked while their descriptors still say where they lie. */
    private void logBuffers(DirtyLog to) {
        for (int i = 0; i < shadowCount; i++) {
            walker.mark(to, shadowSlots[i], shadow[i] & 0xFFFFFFFFL);
        }
    }

    private void logRing(DirtyLog to) {
        for (int i = 0; ringGuest >= 0 && i < shadowCount; i++) {
            to.mark(ringGuest + ((long) shadowSlots[i] << 4), VirtqueueLayout.DESCRIPTOR_BYTES);
        }
    }

    private void logSuppression() {
        DirtyLog to = log;
        if (to != null && eventGuest >= 0) {
            to.mark(eventGuest, Integer.BYTES);
        }
    }

    @Override
    public void log(@Nullable DirtyLog newLog) {
        log = newLog;
    }

    @Override
    public boolean publish() {
        int before = signalledUsed;
        if (before == used) {
            return false;
        }
        show();
        RawMemory.fullFence();
        signalledUsed = used;
        writeRecord();
        int event = RawMemory.getInt(layout.availableRing());
        int mode = event & EVENT_MODE;
        if (mode != EVENT_AT_DESCRIPTOR || !eventIdx) {
            return mode != EVENT_DISABLE;
        }
        return before == QueueState.UNSIGNALLED || passed(event & POSITION_MASK, used, before, size);
    }

    /**
     * Whether the position went past {@code event} on its way from {@code before} to {@code now} (virtio 1.2,
     * 2.8.10.1).
     */
    static boolean passed(int event, int now, int before, int size) {
        int way = PackedPosition.distance(before, now, size);
        int toEvent = PackedPosition.distance(before, event, size);
        return toEvent < way;
    }

    @Override
    public boolean enableNotifications() {
        RawMemory.putInt(layout.usedRing(), eventIdx ? looked | EVENT_AT_DESCRIPTOR : 0);
        logSuppression();
        RawMemory.fullFence();
        return fault == null && availableAt(looked);
    }

    private boolean availableAt(int position) {
        long rest = restOfDescriptor(position);
        return PackedChainWalker.inLap(RawMemory.getLongAcquire(rest), PackedChainWalker.available(position));
    }

    @Override
    public void disableNotifications() {
        RawMemory.putInt(layout.usedRing(), EVENT_DISABLE);
        logSuppression();
    }

    @Override
    public boolean fetchedAll() {
        return fetchedAll;
    }

    @Override
    public boolean hasAvailable() {
        return fault == null && availableAt(used);
    }

    /** The flags of the next descriptor (virtio 1.2, 2.8.1). */
    @Override
    public long availableWord() {
        return restOfDescriptor(used) + FLAGS_OFFSET;
    }

    /** Where length, id and flags of the descriptor at a position are. */
    private long restOfDescriptor(int position) {
        return ring + ((long) PackedPosition.slot(position) << 4) + 8;
    }

    @Override
    public @Nullable VirtqueueFault fault() {
        return fault;
    }

    @Override
    public QueueState state() {
        return new QueueState(used, used, signalledUsed, fault);
    }
}
