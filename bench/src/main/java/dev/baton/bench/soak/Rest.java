package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** When nobody does anything: for the audit, and between guests and the one who kills owners. */
final class Rest {
    private final ReadWriteLock changes = new ReentrantReadWriteLock(true);
    private volatile boolean on;

    boolean isOn() {
        return on;
    }

    void begin() {
        on = true;
    }

    void end() {
        on = false;
    }

    /**
     * A guest changes what its back end knows of it. Not while an owner is about to be killed: a guest whose message is
     * in the owner's hands then loses its connection.
     *
     * @param change    what changes it
     * @param meanwhile what is done over and over until it may
     */
    void change(Runnable change, Runnable meanwhile) {
        while (!mayChange()) {
            meanwhile.run();
        }
        try {
            change.run();
        } finally {
            changes.readLock().unlock();
        }
    }

    private boolean mayChange() {
        try {
            return changes.readLock().tryLock(0, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    /** Nobody changes anything while this runs. */
    void withoutChanges(Runnable task) {
        changes.writeLock().lock();
        try {
            task.run();
        } finally {
            changes.writeLock().unlock();
        }
    }
}
