package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * A process, or one of its threads, by descriptor, see pidfd_open(2): unlike an id, it never comes to mean another one.
 * The C library of older systems has no wrapper for it; the system call numbers are the same on all architectures.
 */
@CHeader({"sys/syscall.h", "signal.h", "fcntl.h"})
public final class PidFd implements AutoCloseable {
    public static final int SIGINT = 2;
    public static final int SIGKILL = 9;
    public static final int SIGTERM = 15;
    public static final int SIGCONT = 18;
    public static final int SIGSTOP = 19;

    /** PIDFD_THREAD, linux/pidfd.h, which C libraries do not have yet: the same bit. */
    @CName("O_EXCL")
    static final int THREAD = 0x80;

    @CName("SYS_pidfd_send_signal")
    static final long PIDFD_SEND_SIGNAL = 424;
    @CName("SYS_pidfd_open")
    static final long PIDFD_OPEN = 434;

    private static final MethodHandle SYSCALL =
        Native.variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

    private final Fd fd;

    private PidFd(Fd fd) {
        this.fd = fd;
    }

    /** A descriptor of a process; ESRCH if there is none. */
    public static PidFd open(long pid) {
        long fd = syscall(PIDFD_OPEN, pid, 0, 0, 0);
        return new PidFd(Fd.adopt((int) SyscallException.check(fd, "pidfd_open(" + pid + ")")));
    }

    /**
     * A descriptor of one thread, for {@link #awaitExit}: a process that is killed loses its threads at once, and may
     * take many milliseconds more to give back its memory and descriptors before it has ended.
     *
     * @param id the thread's, see {@link Sched#threadId()}; EINVAL before Linux 6.9, ESRCH if there is none
     */
    public static PidFd openThread(int id) {
        long fd = syscall(PIDFD_OPEN, id, THREAD, 0, 0);
        return new PidFd(Fd.adopt((int) SyscallException.check(fd, "pidfd_open(thread " + id + ")")));
    }

    /** Takes ownership of a descriptor that came over a socket. */
    public static PidFd adopt(Fd fd) {
        return new PidFd(fd);
    }

    /** The descriptor, still owned by this object; readable once the process has ended. */
    public Fd fd() {
        return fd;
    }

    /** Sends a signal, {@link #SIGKILL} for instance; ESRCH if the process has ended and was waited for. */
    public void kill(int signal) {
        SyscallException.check(
            fd.use(process -> syscall(PIDFD_SEND_SIGNAL, process, signal, 0, 0)),
            "pidfd_send_signal(" + signal + ")");
    }

    /**
     * Waits for the end of the process or thread, whoever its parent is.
     *
     * @param timeoutMs milliseconds to wait at most, 0 to look only, negative for ever
     * @return whether it has ended
     */
    public boolean awaitExit(long timeoutMs) {
        return Poll.await(fd, Poll.IN, timeoutMs) != 0;
    }

    @Override
    public void close() {
        fd.close();
    }

    private static long syscall(long number, long a, long b, long c, long d) {
        MemorySegment state = Native.state();
        try {
            return Native.result((long) SYSCALL.invokeExact(state, number, a, b, c, d), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
