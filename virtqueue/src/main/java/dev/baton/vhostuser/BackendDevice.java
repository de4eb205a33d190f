package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.QueueState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a back end does with what the front end says. Every method is called on the thread that drives the
 * {@link BackendConnection}, never by two threads at once.
 *
 * <p>A method that takes something from the agents - {@link #stopRing}, {@link #memoryChanged}, {@link #logChanged},
 * {@link #kickChanged}, {@link #callChanged}, {@link #errChanged} - returns only after no agent uses it any more: the
 * connection then unmaps or closes it. Descriptors and memory belong to the connection; the device closes nothing.
 *
 * <p>An unchecked exception out of any method ends the connection.
 */
public interface BackendDevice {
    /** More memory than any guest has, and an eighth of the address space of a process. */
    long MAX_MEMORY_BYTES = 1L << 44;

    /** The virtio features offered, without bit 30: the connection adds that. */
    long features();

    /** The protocol features offered; those that {@link ProtocolFeatures#IMPLEMENTED} lacks are left out. */
    long protocolFeatures();

    /**
     * Bytes of address space that the front end's memory may take at most, a file mapped twice counted twice; more is
     * refused. {@link #MAX_MEMORY_BYTES} unless the device says less. It does not change.
     */
    default long memoryLimitBytes() {
        return MAX_MEMORY_BYTES;
    }

    /** How many pairs of virtqueues there may be, 1 to 128. */
    int maxQueuePairs();

    /** The front end acked these virtio features (bit 30 left out); no ring is running. */
    void featuresAcked(long features);

    /** The ring runs from now on. When this throws it may have begun, and {@link #stopRing} follows. */
    void startRing(int index, Ring ring);

    /**
     * The ring stops: whatever was taken is used and published. Returns where it stands. When this throws the ring may
     * still run; it is asked once more at the end of the connection, whose memory stays mapped if it throws again.
     */
    QueueState stopRing(int index);

    /** A running ring changes between enabled and disabled. */
    void enableRing(int index, boolean enabled);

    /**
     * The memory table is replaced while rings are running.
     *
     * @param memory the new table
     * @param running every running ring's place in it
     */
    void memoryChanged(GuestMemory memory, List<RingLayout> running);

    /**
     * What is written to guest memory is noted in this log from now on, by running rings and by those that start; null:
     * no more.
     */
    void logChanged(@Nullable DirtyLog log);

    /** A running ring's kick eventfd is replaced; null: poll. */
    void kickChanged(int index, @Nullable EventFd kick);

    /** A running ring's call eventfd is replaced; null: the driver polls. */
    void callChanged(int index, @Nullable EventFd call);

    /** A running ring's err eventfd is replaced; null: nobody listens. */
    default void errChanged(int index, @Nullable EventFd err) {
    }

    /** The MTU that the guest sees, 68 to 65535; false refuses it. */
    boolean mtu(int mtu);

    /** Announces the guest's MAC address (6 bytes) to the network: the guest has moved. */
    void announce(byte[] mac);

    /** The device is reset: its rings are stopped and nothing is negotiated any more. */
    void reset();

    /**
     * The front end is about to be answered, and may believe from then on that what it asked for is done: for who has
     * to tell others of it first. {@link BackendConnection#state} may be asked.
     *
     * @throws ProtocolException the connection ends without the answer
     */
    default void answering() throws ProtocolException {
    }

    /** A request was refused and the connection goes on: for counters and logs. */
    default void refused(ProtocolException why) {
    }

    /** The last call: every ring is stopped, the memory unmapped, every descriptor closed. */
    void disconnected();
}
