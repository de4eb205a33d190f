package dev.baton.tap;

import dev.baton.ffi.SyscallException;

/**
 * A TAP device could not be opened, adopted or changed. The message names the interface, what that means here, and the
 * call that the kernel refused: {@code TAP tap0: its only queue is taken ...: ioctl(TUNSETIFF): EBUSY (...)}.
 */
public final class TapException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String device;
    private final int errno;

    /** What Baton itself refuses, without a failed call. */
    TapException(String device, String reason) {
        super("TAP " + device + ": " + reason);
        this.device = device;
        this.errno = 0;
    }

    /** What the kernel refused. */
    TapException(String device, SyscallException cause, String reason) {
        super("TAP " + device + ": " + reason + ": " + cause.getMessage(), cause);
        this.device = device;
        this.errno = cause.errno();
    }

    /** The interface as the caller named it. */
    public String device() {
        return device;
    }

    /** The errno of the call that failed, or 0 when no call was made. */
    public int errno() {
        return errno;
    }
}
