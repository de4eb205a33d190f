package dev.baton.tap;

import dev.baton.ffi.Errno;

/**
 * What the result of a read from, or a write to, a TAP queue means for the frame and for the queue. The results are
 * those of {@link TapQueue}: bytes moved, or a negative errno. Outcomes are plain ints, so that they can index an
 * array of counters; nothing here allocates.
 *
 * <pre>
 *   errno                  outcome          the frame                         the queue
 *   none                   MOVED            delivered                         goes on
 *   EAGAIN, EINTR          NOTHING          read: there was none              goes on
 *                                           write: still the caller's
 *   EINVAL, EFAULT, ...    FRAME_REFUSED    dropped: bad header, too short    goes on
 *   EIO                    INTERFACE_DOWN   write: dropped                    goes on, works again when up
 *   ENOMEM, ENOBUFS        NO_MEMORY        dropped                           goes on
 *   EBADFD, EBADF, ...     QUEUE_GONE       write: dropped                    is no part of a device any more
 *   anything else          FAILED           dropped                           goes on, counted apart
 * </pre>
 */
public final class IoOutcome {
    /** The frame is through. */
    public static final int MOVED = 0;
    /** Nothing to read, or no room to write now. Not a drop. */
    public static final int NOTHING = 1;
    /** The kernel refused this frame: header or length make no sense, or its memory is not there. */
    public static final int FRAME_REFUSED = 2;
    /** The interface is not up. */
    public static final int INTERFACE_DOWN = 3;
    /** The kernel had no memory for the frame. */
    public static final int NO_MEMORY = 4;
    /** The device was deleted, or the descriptor belongs to none. */
    public static final int QUEUE_GONE = 5;
    /** An error that a TAP is not known to give. */
    public static final int FAILED = 6;
    /** How many outcomes there are. */
    public static final int COUNT = 7;

    private static final String[] REASONS = {
        "moved", "nothing", "frame-refused", "interface-down", "no-memory", "queue-gone", "failed"
    };

    private IoOutcome() {
    }

    /** The outcome of {@code result}: bytes moved, or a negative errno. */
    public static int of(long result) {
        return result >= 0 ? MOVED : ofErrno((int) -result);
    }

    /** Kept apart, so that the common case is small enough to be inlined. */
    private static int ofErrno(int errno) {
        return switch (errno) {
            case Errno.EAGAIN, Errno.EINTR -> NOTHING;
            case Errno.EINVAL, Errno.EFAULT, Errno.EMSGSIZE, Errno.E2BIG -> FRAME_REFUSED;
            case Errno.EIO -> INTERFACE_DOWN;
            case Errno.ENOMEM, Errno.ENOBUFS -> NO_MEMORY;
            case Errno.EBADFD, Errno.EBADF, Errno.ENODEV, Errno.ENXIO -> QUEUE_GONE;
            default -> FAILED;
        };
    }

    /** Whether a frame that was to be written is lost with this outcome. */
    public static boolean isDrop(int outcome) {
        return outcome > NOTHING;
    }

    /** Whether the queue is of no use any more, so that polling it should stop. */
    public static boolean endsQueue(int outcome) {
        return outcome == QUEUE_GONE;
    }

    /** The name under which drops with this outcome are counted: lower case, words joined by dashes. */
    public static String reason(int outcome) {
        return REASONS[outcome];
    }
}
