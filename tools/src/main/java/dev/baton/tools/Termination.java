package dev.baton.tools;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ends a long-running command on SIGTERM and SIGINT.
 *
 * <p>Theory of operation. The JVM answers either signal with its shutdown sequence: hooks run, then the process ends
 * with status 128 + signal. A daemon that was asked to stop, and did, has not failed, so its status must be 0. The hook
 * of this class wakes the command, waits until that has closed what it opened, and then halts the JVM with the
 * command's own status. A command that ends by itself calls {@link #exit(int)} instead, and the hook does nothing.
 * While a command has nothing to close, as it says by {@link #letGo(int)}, the process ends at once.
 */
final class Termination {
    private static final long PATIENCE_SECONDS = 20;

    private static volatile boolean exiting;

    private final CountDownLatch asked = new CountDownLatch(1);
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile boolean held = true;
    private volatile int status;

    private Termination() {
    }

    /** Watches for the end from here on. */
    static Termination watch() {
        Termination termination = new Termination();
        Runtime.getRuntime().addShutdownHook(new Thread(termination::shutdown, "baton-shutdown"));
        return termination;
    }

    /** Ends the process; no hook of this class takes part. */
    static void exit(int status) {
        exiting = true;
        System.out.flush();
        System.exit(status);
    }

    /** There is nothing to close for now: a signal ends the process at once, with this status. */
    void letGo(int endStatus) {
        status = endStatus;
        held = false;
    }

    /** There is something to close from now on. */
    void hold() {
        held = true;
    }

    /** Waits until the process is asked to end. */
    void await() {
        boolean interrupted = true;
        while (interrupted) {
            try {
                asked.await();
                interrupted = false;
            } catch (InterruptedException e) {
                // Nobody interrupts the main thread with a meaning; only a signal ends it.
                interrupted = true;
            }
        }
    }

    /** True once the process was asked to end. */
    boolean isAsked() {
        return asked.getCount() == 0;
    }

    /** Asks for the end from inside the process, as a signal would. */
    void ask() {
        asked.countDown();
    }

    /** Tells that all is closed; the process may end with this status. */
    void closed(int endStatus) {
        status = endStatus;
        closed.countDown();
    }

    private void shutdown() {
        if (exiting) {
            return;
        }
        asked.countDown();
        try {
            if (held && !closed.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                Main.say("not everything could be closed within " + PATIENCE_SECONDS + " s");
                status = Main.FAILED;
            }
        } catch (InterruptedException e) {
            status = Main.FAILED;
        }
        System.out.flush();
        System.err.flush();
        Runtime.getRuntime().halt(status);
    }
}
