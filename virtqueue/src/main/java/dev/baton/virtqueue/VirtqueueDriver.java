package dev.baton.virtqueue;

/**
 * The driver side of a virtqueue, over memory that the caller owns: what a guest's kernel does. For tests, the demo,
 * in-memory ports and the perf tool.
 *
 * <p>Buffers are named by the addresses that the device will see; the rings are written through host addresses. A chain
 * is known by its ID from {@code add} to {@link #pollUsed}; IDs are smaller than {@link #size}, so that a caller keeps
 * what belongs to a chain in an array. One thread; no allocation after construction.
 *
 * <pre>
 *   int id = driver.addReadable(address, length);        // -1: no free descriptor
 *   if (driver.publish()) {
 *       kick.signal();
 *   }
 *   for (int id; (id = driver.pollUsed()) &gt;= 0; ) {
 *       ... buffer id came back, driver.usedBytes() were written ...
 *   }
 * </pre>
 */
public sealed interface VirtqueueDriver permits SplitVirtqueueDriver, PackedVirtqueueDriver {

    /**
     * A driver on rings that it clears first.
     *
     * @param layout host addresses of the rings
     * @param features the negotiated features: INDIRECT_DESC, EVENT_IDX and IN_ORDER matter here
     */
    static VirtqueueDriver of(VirtqueueLayout layout, long features) {
        return of(layout, features, QueueState.freshPosition(layout.format()));
    }

    /**
     * A driver on rings whose positions start at {@code first}, as after a long life; the device has to start there.
     */
    static VirtqueueDriver of(VirtqueueLayout layout, long features, int first) {
        return switch (layout.format()) {
            case SPLIT -> new SplitVirtqueueDriver(layout, features, first);
            case PACKED -> new PackedVirtqueueDriver(layout, features, first);
        };
    }

    /** Bytes of the tables that {@link #useIndirectTables} needs. */
    static long indirectTableBytes(int size, int maxSegments) {
        return (long) size * maxSegments * VirtqueueLayout.DESCRIPTOR_BYTES;
    }

    /**
     * From now on every chain of two or more segments goes into an indirect table, one for each ID.
     *
     * @param hostAddress where the tables lie, aligned to 16
     * @param deviceAddress the same place as the device sees it
     * @param maxSegments most segments of a chain
     * @throws IllegalStateException when INDIRECT_DESC was not negotiated, or chains are in flight
     */
    void useIndirectTables(long hostAddress, long deviceAddress, int maxSegments);

    /** Adds a buffer that the device reads; returns its ID, or -1 when no descriptor is free. */
    int addReadable(long address, int length);

    /** Adds a buffer that the device writes; returns its ID, or -1 when no descriptor is free. */
    int addWritable(long address, int length);

    /** Adds {@code count} segments that the device reads; returns the ID, or -1 when there is no room. */
    int addReadable(long[] addresses, int[] lengths, int count);

    /** Adds {@code count} segments that the device writes; returns the ID, or -1 when there is no room. */
    int addWritable(long[] addresses, int[] lengths, int count);

    /**
     * Shows all that was added to the device: one release store, one fence, one decision.
     *
     * @return true when a kick is due
     */
    boolean publish();

    /**
     * Takes the next used chain back and frees its descriptors.
     *
     * @return its ID, or -1 when there is none
     * @throws IllegalStateException when the device used what was not made available
     */
    int pollUsed();

    /** Bytes that the device wrote into the chain that {@link #pollUsed} returned last. */
    int usedBytes();

    /**
     * Asks the device for a call when it uses buffers, then looks again.
     *
     * @return true when there are used chains already: poll again before sleeping
     */
    boolean enableNotifications();

    /** Tells the device that no calls are needed; some may still come. */
    void disableNotifications();

    /** The number of descriptors. */
    int size();

    /** Descriptors that are free. */
    int freeDescriptors();

    /** Chains that were added and did not come back yet. */
    int inFlight();
}
