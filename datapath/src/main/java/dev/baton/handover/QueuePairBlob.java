package dev.baton.handover;

import dev.baton.ffi.Fd;
import java.util.List;

/**
 * The state of one queue pair of a back end.
 *
 * @param bytes what the back end wrote; not copied
 * @param descriptors the descriptors that go with it, in the back end's own order
 */
@SuppressWarnings("ArrayRecordComponent") // moved, never compared
public record QueuePairBlob(byte[] bytes, List<Fd> descriptors) {

    /** The list is copied. */
    public QueuePairBlob {
        descriptors = List.copyOf(descriptors);
    }
}
