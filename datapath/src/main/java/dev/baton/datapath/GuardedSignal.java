package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Poll;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An eventfd that a front-end handed in, to be signalled by one thread; a {@link SignalGuard} helps when that blocks.
 *
 * <p>A signal is a write(2). It waits where the counter is full and O_NONBLOCK is not set, and a front-end, which
 * shares the open file description, can bring about both at any time after that was looked at. No flag of a single
 * write helps (an eventfd refuses RWF_NOWAIT for writes), and no look before it, which would be too early.
 *
 * <pre>
 *   signals   odd while a write is under way, and another number at the next one
 * </pre>
 */
final class GuardedSignal {
    private static final VarHandle SIGNALS;
    private static final int NONE = -1;
    /** Time for a thread that was helped to get the CPU. */
    private static final long HELP_NS = 20_000_000;
    private static final long LOOK_NS = 10_000;

    static {
        try {
            SIGNALS = MethodHandles.lookup().findVarHandle(GuardedSignal.class, "signals", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile @Nullable EventFd eventFd;
    private int fd = NONE;
    private long signals;
    /** The guard's: what it saw the last time. */
    private long seen;

    /** Signals this one from now on; null: none. The signalling thread. */
    void to(@Nullable EventFd newEventFd) {
        eventFd = newEventFd;
        fd = newEventFd == null ? NONE : newEventFd.fd().value();
    }

    /** Signals; false where there is nobody to. The signalling thread. */
    boolean signal() {
        int to = fd;
        if (to == NONE) {
            return false;
        }
        long before = signals;
        SIGNALS.setRelease(this, before + 1);
        EventFd.signal(to);
        SIGNALS.setRelease(this, before + 2);
        return true;
    }

    /**
     * The guard's look: a signal that was under way at the last one and still is, on an eventfd that is full, is helped
     * out by emptying that, again and again, for a front-end can fill it again before the signalling thread wakes up.
     * Whether O_NONBLOCK is set by now says nothing: a write looks at it once, when it begins. No front-end that keeps
     * the rules is ever met: its counter is never full, and what is lost of it the signal under way makes up for.
     *
     * @return whether it was so
     */
    boolean rescue() {
        long now = (long) SIGNALS.getAcquire(this);
        boolean stuck = (now & 1) != 0 && now == seen;
        seen = now;
        EventFd full = eventFd;
        if (!stuck || full == null) {
            return false;
        }
        try {
            if ((Poll.await(full.fd(), Poll.OUT, 0) & Poll.OUT) != 0) {
                return false;
            }
            long deadlineNs = System.nanoTime() + HELP_NS;
            do {
                FileIo.setNonBlocking(full.fd(), true);
                full.drain();
                LockSupport.parkNanos(LOOK_NS);
            } while ((long) SIGNALS.getAcquire(this) == now && System.nanoTime() - deadlineNs < 0);
            return true;
        } catch (IllegalStateException closed) {
            return false;
        }
    }
}
