package dev.baton.ffi;

import java.io.Serial;

/**
 * A message brought more descriptors than the receiver has room for, or than the process may open; those that did
 * arrive were closed.
 */
public final class TruncatedControlException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    TruncatedControlException(int room, int arrived) {
        super("recvmsg: more descriptors than there is room for (" + room + ") or than this process may open; closed "
            + "the " + arrived + " that did arrive");
    }
}
