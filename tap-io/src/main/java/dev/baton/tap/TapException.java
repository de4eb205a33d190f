package dev.baton.tap;

import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;

/**
 * A TAP device, or a loopback in its place, could not be opened, taken over or changed. The message names the
 * interface, what that means here, and the call that the kernel refused:
 * {@code TAP tap0: its only queue is taken ...: ioctl(TUNSETIFF): EBUSY (...)}.
 */
public final class TapException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String device;
    private final int errno;

    /** What Baton itself refuses, without a failed call. */
    TapException(String device, String reason) {
        this("TAP", device, reason);
    }

    private TapException(String kind, String device, String reason) {
        super(kind + " " + device + ": " + reason);
        this.device = device;
        this.errno = 0;
    }

    /** What the kernel refused. */
    TapException(String device, SyscallException cause, String reason) {
        this("TAP", device, cause, reason);
    }

    private TapException(String kind, String device, SyscallException cause, String reason) {
        super(kind + " " + device + ": " + reason + ": " + cause.getMessage(), cause);
        this.device = device;
        this.errno = cause.errno();
    }

    /** What is wrong with a loopback. */
    static TapException ofLoopback(String device, String reason) {
        return new TapException("loopback", device, reason);
    }

    /** What the kernel refused to a loopback. */
    static TapException ofLoopback(String device, SyscallException cause, String reason) {
        return new TapException("loopback", device, cause, reason);
    }

    /** What is wrong with a socket that is to be a queue. */
    static TapException ofSocket(String device, int index, Fd fd, String reason) {
        return ofLoopback(device, "descriptor " + fd.value() + " for queue " + index + " " + reason);
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
