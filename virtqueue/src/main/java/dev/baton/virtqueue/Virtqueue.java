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
public sealed interface Virtqueue permits SplitVirtqueue {

    /** The number of descriptors. */
    int size();

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
     * @param head its head index
     * @param writtenBytes bytes written to it, 0 for a chain that was read
     */
    void use(int head, int writtenBytes);

    /** Consumes the next {@code count} fetched chains, which were read: those of a burst from {@code from} on. */
    void use(ChainBurst chains, int from, int count);

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

    /** Chains that were available when the last fetch looked and are not consumed yet. */
    int availableSeen();

    /** Chains that are available and not consumed yet, as far as the driver says; not yet checked. */
    int pending();

    /** Whether a fetch has something to look at. */
    default boolean hasAvailable() {
        return pending() != 0;
    }

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
}
