package dev.baton.vhostuser;

import dev.baton.ffi.Fd;

/**
 * The memory in which a back end leaves with the front end where its virtqueues stand: what GET_INFLIGHT_FD brings and
 * SET_INFLIGHT_FD gives back, to the same back end or to the next one.
 *
 * @param sizeBytes length
 * @param fileOffset where it begins in its file
 * @param queues how many virtqueues it is for, from the first one on
 * @param queueSize the largest number of descriptors of each
 * @param file what it is mapped from
 */
public record InflightState(long sizeBytes, long fileOffset, int queues, int queueSize, Fd file) {
    /** Bytes of the description in a message; the specification's 20 are padded by every implementation. */
    static final int BODY_BYTES = 24;
    /** As the specification counts them. */
    static final int UNPADDED_BODY_BYTES = 20;

    static InflightState read(Message message, Fd file) {
        int numbers = message.int32(16);
        return new InflightState(message.int64(0), message.int64(8), numbers & 0xFFFF, numbers >>> 16, file);
    }

    /** The two 16-bit numbers, as they stand in a message. */
    int numbers() {
        return queues | queueSize << 16;
    }
}
