package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import org.jspecify.annotations.Nullable;

/**
 * A reply of a request's own.
 *
 * @param first the first 64 bits of its body
 * @param inflight what follows them, and the descriptor; null where the body is one number
 * @param bodyBytes length of the body
 * @param descriptor what goes with it, owned by whoever sends the reply; null: nothing
 */
record Reply(long first, @Nullable InflightState inflight, int bodyBytes, @Nullable Fd descriptor) {
    static Reply of(long number) {
        return new Reply(number, null, Long.BYTES, null);
    }

    /** A number, and a descriptor with it. */
    static Reply of(long number, Fd descriptor) {
        return new Reply(number, null, Long.BYTES, descriptor);
    }

    /** A description of an inflight region, in as many bytes as the request had. */
    static Reply of(InflightState inflight, int bodyBytes) {
        return new Reply(inflight.sizeBytes(), inflight, bodyBytes, inflight.file());
    }

    /** Writes the body. */
    void write(Message message) {
        message.int64(0, first);
        InflightState more = inflight;
        if (more != null) {
            message.int64(8, more.fileOffset()).int32(16, more.numbers());
            if (bodyBytes > InflightState.UNPADDED_BODY_BYTES) {
                message.int32(InflightState.UNPADDED_BODY_BYTES, 0);
            }
        }
    }
}
