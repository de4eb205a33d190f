package dev.baton.handover;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import java.util.concurrent.TimeUnit;

/** Waits until a socket is ready for one direction, or the channel is closed. Belongs to one thread at a time. */
final class Waiting implements AutoCloseable {
    private static final long WOKEN = 1;
    private static final int MAX_EVENTS = 2;

    private final Epoll epoll = Epoll.create(MAX_EVENTS);

    Waiting(Fd socket, int events, EventFd wakeUp) {
        try {
            epoll.add(socket, events, 0);
            epoll.add(wakeUp.fd(), Epoll.IN, WOKEN);
        } catch (RuntimeException e) {
            epoll.close();
            throw e;
        }
    }

    /** What the wait ended with. */
    enum Outcome { READY, WOKEN, TIMEOUT }

    /** Waits until the deadline, in the terms of {@link System#nanoTime()}. */
    Outcome until(long deadlineNs) {
        while (true) {
            long leftNs = deadlineNs - System.nanoTime();
            // Rounded up: a wait that ends too early would spin through the last millisecond.
            long leftMs = leftNs <= 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(leftNs + 999_999);
            int count = epoll.await((int) Math.min(leftMs, Integer.MAX_VALUE));
            for (int i = 0; i < count; i++) {
                if (epoll.data(i) == WOKEN) {
                    return Outcome.WOKEN;
                }
            }
            if (count > 0) {
                return Outcome.READY;
            }
            if (leftNs <= 0) {
                return Outcome.TIMEOUT;
            }
        }
    }

    /** Readable when the wait is over. */
    Fd fd() {
        return epoll.fd();
    }

    /** A descriptor that nobody can do anything with, for {@link Fault#WRONG_DESCRIPTOR}. */
    int useless() {
        return epoll.fd().value();
    }

    @Override
    public void close() {
        epoll.close();
    }
}
