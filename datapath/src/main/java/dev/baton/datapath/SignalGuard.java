package dev.baton.datapath;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * Looks after the signals to front-ends, so that none of them keeps an agent, or the conductor, from its other ports.
 *
 * <p>Theory of operation. A thread of its own, because the conductor may be waiting for the very agent that is stuck.
 * It looks at every {@link GuardedSignal} {@value #LOOK_MS} ms after {@value #LOOK_MS} ms; one that is found under way
 * twice in a row is helped out, and who handed in the eventfd is told on. So a front-end can hold an agent up for twice
 * that, once for each connection that it makes, and frames of others wait that long in their queues.
 */
final class SignalGuard implements AutoCloseable {
    private static final long LOOK_MS = 50;
    private static final String NAME = "baton-guard";

    private final Map<GuardedSignal, Runnable> signals = new ConcurrentHashMap<>();
    private final Thread thread = Thread.ofPlatform().daemon().name(NAME).unstarted(this::run);
    private volatile boolean closing;

    void start() {
        thread.start();
    }

    /** Looks after this signal from now on; the action is run, on the guard's thread, each time it had to help. */
    void watch(GuardedSignal signal, Runnable whenBlocked) {
        signals.put(signal, whenBlocked);
    }

    void unwatch(GuardedSignal signal) {
        signals.remove(signal);
    }

    private void run() {
        while (!closing) {
            LockSupport.parkNanos(LOOK_MS * 1_000_000);
            signals.forEach(SignalGuard::look);
        }
    }

    private static void look(GuardedSignal signal, Runnable whenBlocked) {
        try {
            if (signal.rescue()) {
                whenBlocked.run();
            }
        } catch (RuntimeException e) {
            // The port is gone meanwhile, or the datapath: nobody is left to be told.
            System.getLogger(SignalGuard.class.getPackageName()).log(System.Logger.Level.DEBUG, NAME, e);
        }
    }

    @Override
    public void close() {
        closing = true;
        LockSupport.unpark(thread);
    }
}
