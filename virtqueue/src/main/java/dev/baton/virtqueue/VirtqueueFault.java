package dev.baton.virtqueue;

import java.util.Locale;

/**
 * Why a virtqueue stopped: what the driver did that no driver may do. The queue that meets one returns the chain
 * with length 0 (when there is a chain to return), remembers the fault and does nothing more.
 */
public enum VirtqueueFault {
    /** The available index is more than the queue size ahead of the device (virtio 1.2, 2.7.13.3). */
    AVAIL_INDEX_AHEAD,
    /** The available ring names a head descriptor that does not exist. */
    HEAD_OUT_OF_RANGE,
    /** A descriptor's {@code next} is outside its table. */
    NEXT_OUT_OF_RANGE,
    /** More descriptors than the table has (a loop included), more than 1024 segments, or more than 2^31 - 1 bytes. */
    CHAIN_TOO_LONG,
    /** A buffer or an indirect table is not wholly inside guest memory. */
    ADDRESS_OUTSIDE_MEMORY,
    /** A descriptor in an indirect table refers to an indirect table (virtio 1.2, 2.7.5.3.1). */
    NESTED_INDIRECT,
    /** An indirect table that is empty or no multiple of 16 bytes, or a descriptor both INDIRECT and NEXT. */
    INDIRECT_MISSHAPEN,
    /** An indirect table although VIRTIO_F_INDIRECT_DESC was not negotiated. */
    INDIRECT_NOT_NEGOTIATED,
    /** A device-writable descriptor where the device only reads, or the other way round. */
    WRONG_DIRECTION,
    /** A frame from the driver that is shorter than the virtio-net header. */
    FRAME_SHORTER_THAN_HEADER,
    /** A receive buffer that cannot hold the virtio-net header (virtio 1.2, 5.1.6.3.1). */
    BUFFER_SHORTER_THAN_HEADER;

    private final String reason = name().toLowerCase(Locale.ROOT).replace('_', '-');

    /** The name under which it is counted and reported, such as {@code next-out-of-range}. */
    public String reason() {
        return reason;
    }
}
