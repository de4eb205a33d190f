package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An owned file descriptor: closed once, never used after, see close(2) and dup(2).
 *
 * <p><b>Theory of operation.</b> A descriptor is a small number that the kernel gives out again as soon as it is free,
 * so that a late call through an old number hits somebody else's file. Control calls therefore borrow the number for
 * as long as they run; {@link #close()} takes effect at once for newcomers, and the last borrower closes the
 * descriptor itself (one that waits is to be woken first). Hot calls take the bare {@link #value()}: their owner, an
 * agent, lets go of a descriptor before it is closed.
 */
public final class Fd implements AutoCloseable {
    private static final MethodHandle CLOSE = Native.function("close", JAVA_INT, JAVA_INT);
    private static final int GONE = Integer.MIN_VALUE;

    private final int value;

    /** Borrowers, and the sign bit once the descriptor was closed or released. */
    private final AtomicInteger state = new AtomicInteger();

    private Fd(int value) {
        this.value = value;
    }

    /** A call that works on a borrowed descriptor. */
    @FunctionalInterface
    interface Call {
        long on(int fd);
    }

    /**
     * Takes ownership of an open descriptor.
     *
     * @param fd the number, from now on owned by the result alone
     * @return the owner
     */
    public static Fd adopt(int fd) {
        if (fd < 0) {
            throw new IllegalArgumentException("not a descriptor: " + fd);
        }
        return new Fd(fd);
    }

    /**
     * The bare number, for hot calls.
     *
     * @return the number
     * @throws IllegalStateException if the descriptor was closed or released
     */
    public int value() {
        if (state.get() < 0) {
            throw closed();
        }
        return value;
    }

    /**
     * The bare number, also of a descriptor that its owner has closed while it is on {@link Loan}.
     *
     * @return the number
     * @throws IllegalStateException if the descriptor was closed or released, and is not lent
     */
    public int lentValue() {
        if (state.get() == GONE) {
            throw closed();
        }
        return value;
    }

    /** Whether the descriptor is still owned: neither closed nor released. */
    public boolean isOpen() {
        return state.get() >= 0;
    }

    /**
     * A second descriptor of the same open file description, close-on-exec.
     *
     * @return the duplicate, owned by the caller
     */
    public Fd duplicate() {
        return adopt((int) SyscallException.check(
            use(fd -> Fcntl.fcntl(fd, Fcntl.F_DUPFD_CLOEXEC, 0)), "fcntl(F_DUPFD_CLOEXEC)"));
    }

    /**
     * Gives up ownership without closing.
     *
     * @return the number, which the caller has to close
     * @throws IllegalStateException if the descriptor is closed already, or another thread is in a call on it
     */
    public int release() {
        if (!state.compareAndSet(0, GONE)) {
            throw isOpen() ? new IllegalStateException("descriptor " + value + " is in use") : closed();
        }
        return value;
    }

    /** Closes the descriptor; the second and later calls do nothing. Errors of close(2) are of no use to anyone. */
    @Override
    public void close() {
        if (state.getAndUpdate(users -> users | GONE) == 0) {
            close(value);
        }
    }

    /** Runs a call on the number, which stays open until the call returns. */
    long use(Call call) {
        int fd = borrow();
        try {
            return call.on(fd);
        } finally {
            giveBack();
        }
    }

    /** The number, open until {@link #giveBack()}. */
    int borrow() {
        int users = state.get();
        while (users >= 0) {
            if (state.compareAndSet(users, users + 1)) {
                return value;
            }
            users = state.get();
        }
        throw closed();
    }

    void giveBack() {
        if (state.decrementAndGet() == GONE) {
            close(value);
        }
    }

    /** {@code int close(int fd)}: on Linux the descriptor is gone even if an error comes back, EINTR too. */
    static int close(int fd) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) CLOSE.invokeExact(state, fd), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private IllegalStateException closed() {
        return new IllegalStateException("descriptor " + value + " was closed");
    }

    @Override
    public String toString() {
        return isOpen() ? "fd " + value : "fd " + value + " (closed)";
    }
}
