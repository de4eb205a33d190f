package dev.baton.ffi;

import java.io.Serial;

/** A message brought more descriptors than the receiver has room for; those that did arrive were closed. */
public final class TruncatedControlException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    TruncatedControlException(int room, int arrived) {
        super("recvmsg: control message truncated: room for " + room + " descriptors, closed the " + arrived
            + " that did arrive");
    }
}
