package dev.baton.datapath;

import dev.baton.tap.IoOutcome;

/** What a failed write to a TAP queue means for the frame. */
final class TapDrops {
    private TapDrops() {
    }

    /** Whether the frame can be written later: it is no drop. */
    static boolean later(long result) {
        return IoOutcome.of(result) == IoOutcome.NOTHING;
    }

    /** The reason to count when the frame was refused for good. */
    static DropReason reason(long result) {
        return switch (IoOutcome.of(result)) {
            case IoOutcome.INTERFACE_DOWN, IoOutcome.QUEUE_GONE -> DropReason.INTERFACE_DOWN;
            default -> DropReason.REFUSED_BY_KERNEL;
        };
    }
}
