package dev.baton.virtqueue;

import org.jspecify.annotations.Nullable;

/**
 * The device side of a virtqueue: fetch chains, use them, publish once per burst.
 *
 * <p>Theory of operation. One thread owns a virtqueue. A fetch walks the chains that stand next and puts their
 * translated segments into a {@link ChainBurst}; it consumes nothing, so fetching again brings the same chains.
 * {@link #use} consumes the chains in the order in which they were fetched. {@link #publish} shows what was used to
 * the driver. At a burst boundary (after {@code publish}) all state is in {@link #state} and in the rings.
 *
 * <pre>
 *   int n = queue.fetchReadable(burst, 32);
 *   for (int i = 0; i &lt; n; i++) {
 *       ... the frame lies in burst.segments(), from burst.firstSegment(i) on ...
 *       queue.use(burst.head(i), 0);
 *   }
 *   if (n &gt; 0 &amp;&amp; queue.publish()) {
 *       ... call the driver ...
 *   }
 * </pre>
 *
 * <p>A driver that breaks the rules costs itself this queue and nothing else: sound chains before the broken one are
 * delivered first; then the broken one goes back with length 0, {@link #fault} names the reason, every further fetch
 * brings 0 chains, and one more {@code publish} says whether the driver is to be called for it.
 *
 * <p>Virtio does not forbid a descriptor of length 0: it has no byte, adds no segment, and its address is not looked
 * at. A chain with fewer bytes than the virtio-net header is a fault.
 */
public sealed interface Virtqueue permits SplitVirtqueue, PackedVirtqueue {

    /**
     * A live virtqueue of the layout's format, from where {@code state} left it.
     *
     * @param features the negotiated features: INDIRECT_DESC, EVENT_IDX and those that decide the header length
     * @param state where to go on; untrusted
     * @throws IllegalArgumentException naming what is inconsistent in the state
     */
    static Virtqueue of(VirtqueueLayout layout, GuestMemory memory, long features, QueueState state) {
        return switch (layout.format()) {
            case SPLIT -> new SplitVirtqueue(layout, memory, features, state);
            case PACKED -> new PackedVirtqueue(layout, memory, features, state);
        };
    }

    /** The number of descriptors. */
    int size();

    /** Where it lies. */
    VirtqueueLayout layout();

    /**
     * Walks up to {@code maxChains} chains that the device reads.
     *
     * @return chains in the burst; 0 when there are none or the queue has a fault
     */
    int fetchReadable(ChainBurst into, int maxChains);

    /**
     * Walks up to {@code maxChains} chains that the device writes.
     *
     * @return chains in the burst; 0 when there are none or the queue has a fault
     */
    int fetchWritable(ChainBurst into, int maxChains);

    /**
     * Walks chains that the device writes until they hold {@code enoughBytes} together or are {@code maxChains}: room
     * for one frame over mergeable buffers. Whether it was enough, {@link ChainBurst#totalBytes} says.
     *
     * @return chains in the burst; 0 when there are none or the queue has a fault
     */
    int fetchWritable(ChainBurst into, int maxChains, long enoughBytes);

    /**
     * Consumes the next fetched chain.
     *
     * @param head what {@link ChainBurst#head} says of it
     * @param writtenBytes bytes written to it, 0 for a chain that was read
     */
    void use(int head, int writtenBytes);

    /** Consumes the next {@code count} fetched chains, which were read: those of a burst from {@code from} on. */
    void use(ChainBurst chains, int from, int count);

    /** Consumes the next {@code count} fetched chains, each of which was written {@code writtenBytes} bytes. */
    void use(ChainBurst chains, int from, int count, int writtenBytes);

    /**
     * Consumes the next {@code count} fetched chains, each of which was written as many bytes as a chain of another
     * burst has: the first as {@code firstFrame}, the next as the one after it.
     */
    void use(ChainBurst chains, int from, int count, ChainBurst frames, int firstFrame);

    /**
     * Shows all used chains to the driver: one release store, one fence, one decision.
     *
     * @return true when the driver is to be called; may be true without need after a start or a change of owner
     */
    boolean publish();

    /**
     * Asks the driver for a kick when it makes buffers available, then looks again.
     *
     * @return true when buffers were made available since the last fetch looked, so that no kick may come for them:
     *     fetch again before sleeping
     */
    boolean enableNotifications();

    /** Tells the driver that no kicks are needed; some may still come. */
    void disableNotifications();

    /** Whether the last fetch brought all chains that were available when it looked. */
    boolean fetchedAll();

    /** Whether a fetch has something to look at. */
    boolean hasAvailable();

    /**
     * Address of 16 bits of the ring that change when the driver makes a buffer available. While there are none, and
     * they stay as they are, there are none; valid until the next chain is used or the memory is another.
     */
    long availableWord();

    /** Why the queue stopped, or null. */
    @Nullable VirtqueueFault fault();

    /** All that the queue's next owner must know; at a burst boundary. */
    QueueState state();

    /**
     * Takes other memory, or the same at other addresses, at a quiescent point: no fetched chain is used after it.
     *
     * @throws IllegalArgumentException when the layout is of another size
     */
    void memory(GuestMemory memory, VirtqueueLayout layout);

    /**
     * Notes in this log, from now on, what it writes to guest memory and what {@link #use} says was written to chains;
     * at a quiescent point.
     *
     * @param log null: there is nothing to note any more
     */
    void log(@Nullable DirtyLog log);

    /**
     * Leaves where it stands with the front end too, from the next {@link #keep} or {@link #publish} on; at a quiescent
     * point.
     *
     * @param region its queue region; null: nowhere
     */
    void inflight(@Nullable InflightQueue region);

    /** Keeps its state in the record from now on: one store for each {@link #publish} that showed something. */
    void keep(QueueRecord kept);

    /**
     * Goes on where the record stands, as the virtqueue's new owner, and keeps it from now on.
     *
     * @throws IllegalArgumentException naming what is inconsistent in the record; the queue is as before
     */
    void resume(QueueRecord kept);

    /**
     * Stands where the record stands, without keeping it: for the next owner, while the present one works.
     *
     * @throws IllegalArgumentException naming what is inconsistent in the record
     */
    void follow(QueueRecord followed);

    /**
     * Goes on, as the virtqueue's new owner, where the driver sees the former one stand, who may have ended in the
     * middle of a burst, and keeps the record from now on. Chains that it had taken and not shown as used are taken
     * again.
     */
    void recover(QueueRecord kept);
}
