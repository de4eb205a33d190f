package dev.baton.vhostuser;

import dev.baton.ffi.SyscallException;
import org.jspecify.annotations.Nullable;

/** A message, or the end of a connection, that is not as the protocol has it. */
public final class ProtocolException extends Exception {
    private static final long serialVersionUID = 1L;

    private final ErrorKind kind;
    private final String detail;

    /** An error of this kind; the message names the request. */
    public ProtocolException(ErrorKind kind, String message) {
        this(kind, message, null);
    }

    /** An error of this kind that a failed call caused. */
    public ProtocolException(ErrorKind kind, SyscallException cause) {
        this(kind, String.valueOf(cause.getMessage()), cause);
    }

    /** An error of this kind that something else caused. */
    public ProtocolException(ErrorKind kind, String message, @Nullable Throwable cause) {
        super(kind.reason() + ": " + message, cause);
        this.kind = kind;
        this.detail = message;
    }

    /** The front end cut its shared memory short; an access to it may have told so, or null. */
    public static ProtocolException memoryTruncated(@Nullable Throwable access) {
        return new ProtocolException(ErrorKind.MEMORY_TRUNCATED, "the front-end cut its shared memory short", access);
    }

    /** The same error, and what it happened to: {@code "region 1"}. */
    ProtocolException about(String what) {
        return new ProtocolException(kind, what + ": " + detail, this);
    }

    /** What went wrong. */
    public ErrorKind kind() {
        return kind;
    }

    /** Whether a new connection to the same peer has a chance. */
    public boolean shouldReconnect() {
        return kind.shouldReconnect();
    }
}
