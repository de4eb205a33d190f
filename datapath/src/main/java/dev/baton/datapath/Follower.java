package dev.baton.datapath;

import dev.baton.handover.Description;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Section;
import org.jspecify.annotations.Nullable;

/**
 * Prepares a standby for the newest of the descriptions that come, on a thread of its own: who listens to the owner
 * never waits, and what the owner says never waits in the channel. Descriptions that come while one is being prepared
 * are skipped, but for the newest.
 */
final class Follower implements AutoCloseable {
    private final IncomingHandover incoming;
    private final HandoverChannel channel;
    private final Thread thread;
    private @Nullable Description next;
    private @Nullable HandoverException failure;
    private boolean preparing;
    private boolean closed;

    Follower(IncomingHandover incoming, HandoverChannel channel) {
        this.incoming = incoming;
        this.channel = channel;
        thread = Thread.ofPlatform().daemon().name("baton-follower").start(this::run);
    }

    /** Prepares for this one, as soon as what is being prepared is; its descriptors are the follower's. */
    synchronized void follow(Description newer) {
        drop();
        next = newer;
        notifyAll();
    }

    private void drop() {
        Description skipped = next;
        next = null;
        if (skipped != null) {
            skipped.close();
        }
    }

    /** Why a description could not be prepared, or null. */
    synchronized @Nullable HandoverException failure() {
        return failure;
    }

    /** Waits until the newest description is prepared; from then on the incoming handover is the caller's alone. */
    synchronized void finish() throws HandoverException {
        boolean interrupted = false;
        while (failure == null && (preparing || next != null)) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void run() {
        for (Description taken = take(); taken != null; taken = take()) {
            try {
                incoming.prepare(taken);
                ready();
            } catch (HandoverException e) {
                fail(e);
            } catch (RuntimeException e) {
                fail(new HandoverException(Section.STANDBY.label(), HandoverError.MALFORMED, String.valueOf(e), e));
            }
        }
    }

    private void ready() throws HandoverException {
        try {
            channel.hold(() -> HandoverMessages.sendStep(channel, Section.STANDBY, incoming.generation()));
            channel.flush(HandoverChannel.SEND_TIMEOUT_MS);
        } catch (HandoverException e) {
            // That it is gone is seen by who listens; that it is this side that closed is known.
            if (e.kind() != HandoverError.PEER_GONE && e.kind() != HandoverError.CLOSED) {
                throw e;
            }
        }
    }

    private synchronized @Nullable Description take() {
        preparing = false;
        notifyAll();
        while (next == null && !closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
        }
        Description taken = closed ? null : next;
        if (taken != null) {
            next = null;
            preparing = true;
        }
        return taken;
    }

    private synchronized void fail(HandoverException why) {
        failure = why;
    }

    /** Waits for what is being prepared. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            drop();
            notifyAll();
        }
        boolean interrupted = Thread.interrupted();
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
