package dev.baton.ffi;

import java.io.Serial;

/** A Linux call failed. The message names the call, the error and its meaning. */
public final class SyscallException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * A failed call.
     *
     * @param call  the call with the arguments that matter, such as {@code open("/dev/net/tun")}
     * @param errno positive error number
     */
    public SyscallException(String call, int errno) {
        super(call + ": " + Errno.name(errno) + " (" + Errno.describe(errno) + ")");
        this.call = call;
        this.errno = errno;
    }

    /** The call that failed, with the arguments that matter. */
    public String call() {
        return call;
    }

    /** The positive error number, one of {@link Errno}. */
    public int errno() {
        return errno;
    }

    /**
     * Turns the result of a hot call into the manners of a control call.
     *
     * @param result result of a call, negative errno if it failed
     * @param call   as in the constructor
     * @return the result, if it is none
     * @throws SyscallException if the result is a negative errno
     */
    public static long check(long result, String call) {
        if (result < 0) {
            throw new SyscallException(call, (int) -result);
        }
        return result;
    }

    /** {@link #check(long, String)} for calls that return an {@code int}. */
    static int check(int result, String call) {
        return (int) check((long) result, call);
    }
}
