package dev.baton.virtqueue;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Why a virtqueue stopped: what the driver did that no driver may do. The queue that meets one returns the chain
 * with length 0 (when there is a chain to return), remembers the fault and does nothing more.
 *
 * <p>The order is part of the {@link QueueRecord}: new ones are added at the end.
 */
@SuppressWarnings("EnumOrdinal") // codes travel between processes of the same record version
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

    /** What stands for it in a {@link QueueRecord}: 1 for the first. */
    int code() {
        return ordinal() + 1;
    }

    /** The fault of this code, null for 0. */
    static @Nullable VirtqueueFault ofCode(int code) {
        VirtqueueFault[] all = values();
        if (code < 0 || code > all.length) {
            throw new IllegalArgumentException("there is no virtqueue fault of code " + code);
        }
        return code == 0 ? null : all[code - 1];
    }

    /** The name under which it is counted and reported, such as {@code next-out-of-range}. */
    public String reason() {
        return reason;
    }
}
