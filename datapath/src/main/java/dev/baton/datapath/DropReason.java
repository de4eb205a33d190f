package dev.baton.datapath;

import java.util.Locale;

/**
 * Why a frame was dropped. A drop on the way in ({@code rx}) was never counted as received; a drop on the way out
 * ({@code tx}) was received from the wired port and could not be delivered.
 */
public enum DropReason {
    /** Shorter than an Ethernet header. */
    RUNT,
    /** The guest's transmitq is disabled: virtio-net discards. */
    RING_DISABLED,
    /** The header asks for an offload that its sender did not negotiate. */
    OFFLOAD_NOT_NEGOTIATED,
    /** The port's queue is not running. */
    PEER_DOWN,
    /** Longer than all buffers that the receiver can offer for one frame, or than any frame is. */
    TOO_LONG,
    /** The kernel refused the frame or its virtio-net header. */
    REFUSED_BY_KERNEL,
    /** The TAP interface is down, or its queue is detached. */
    INTERFACE_DOWN,
    /** The header asks for an offload that its own fields, or the frame's headers, do not allow. */
    MALFORMED_OFFLOAD,
    /** Cut from a larger frame in software, for a receiver that ran out of buffers meanwhile. */
    NO_ROOM;

    private static final DropReason[] VALUES = values();

    /** The reason as it stands in counters: lower case with dashes. */
    public String reason() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static int count() {
        return VALUES.length;
    }

    static DropReason of(int ordinal) {
        return VALUES[ordinal];
    }
}
