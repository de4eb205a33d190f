package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import java.util.ArrayList;
import java.util.List;

/**
 * What an agent waits for while it has nothing to do: kicks, TAP input, and the conductor.
 *
 * <p>Theory of operation. An agent that wants to sleep asks every source for a wake-up, looks once more at all of them,
 * and only then waits here. Kick and TAP descriptors are watched edge-triggered, so that frames nobody can take yet do
 * not keep it awake.
 */
final class AgentSleep implements AutoCloseable {
    private static final long WAKE_TOKEN = -1;
    private static final long TAP_TOKEN = -2;
    private static final int SLEEP_MS = 100;
    /** Sleeps are this short when some driver gave no kick descriptor and has to be polled. */
    private static final int POLLED_SLEEP_MS = 1;

    private final EventFd wake;
    private final TapWatch taps;
    private final Epoll epoll = Epoll.create();
    private final List<VirtqueueEnd> kicked = new ArrayList<>();
    private final List<Fd> watched = new ArrayList<>();
    private boolean polledOnly;

    /** A sleep that ends, whatever else is watched, when the agent is called or a watched TAP queue has a frame. */
    AgentSleep(EventFd wake, TapWatch taps) {
        this.wake = wake;
        this.taps = taps;
        try {
            epoll.add(wake.fd(), Epoll.IN, WAKE_TOKEN);
            epoll.add(taps.fd(), Epoll.IN, TAP_TOKEN);
        } catch (RuntimeException e) {
            epoll.close();
            throw e;
        }
    }

    /** Watches the descriptors of these lanes and of no others. */
    void watch(Lane[] lanes) {
        watched.forEach(epoll::remove);
        watched.clear();
        kicked.clear();
        polledOnly = !taps.watch(lanes);
        for (Lane lane : lanes) {
            lane.ends().forEach(this::watchKick);
        }
    }

    private void watchKick(VirtqueueEnd end) {
        if (end.queue() == null) {
            return;
        }
        EventFd kick = end.kick();
        if (kick != null) {
            kicked.add(end);
            watch(kick.fd(), kicked.size() - 1);
        } else {
            polledOnly = true;
        }
    }

    private void watch(Fd fd, long token) {
        try {
            epoll.add(fd, Epoll.IN | Epoll.ET, token);
            watched.add(fd);
        } catch (SyscallException e) {
            // A front-end may hand in what cannot be waited for; its queue is polled instead.
            polledOnly = true;
        }
    }

    /** Waits until something came, or a while has passed. */
    void await() {
        int ready = epoll.await(polledOnly ? POLLED_SLEEP_MS : SLEEP_MS);
        for (int i = 0; i < ready; i++) {
            woken(epoll.data(i));
        }
    }

    private void woken(long token) {
        if (token == WAKE_TOKEN) {
            wake.drain();
        } else if (token >= 0 && token < kicked.size()) {
            VirtqueueEnd end = kicked.get((int) token);
            EventFd kick = end.kick();
            if (kick != null) {
                end.counters().kicks(Math.max(0, EventFd.drain(kick.fd().value())));
            }
        }
    }

    @Override
    public void close() {
        epoll.close();
    }
}
