package dev.baton.handover;

import java.util.List;

/**
 * The state of a back end, opaque to everybody but back ends of the same kind.
 *
 * @param queuePairs one entry for each queue pair
 * @param device what the queue pairs have in common; not copied
 */
@SuppressWarnings("ArrayRecordComponent") // moved, never compared
public record BackendBlob(List<QueuePairBlob> queuePairs, byte[] device) {

    /** The list is copied. */
    public BackendBlob {
        queuePairs = List.copyOf(queuePairs);
    }
}
