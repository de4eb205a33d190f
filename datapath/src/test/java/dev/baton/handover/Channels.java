package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Two owners' channels, connected to each other. */
final class Channels implements AutoCloseable {
    static final long TIMEOUT_MS = 5_000;

    final HandoverChannel outgoing;
    final HandoverChannel incoming;

    private Channels(HandoverChannel outgoing, HandoverChannel incoming) {
        this.outgoing = outgoing;
        this.incoming = incoming;
    }

    static Channels open() throws HandoverException {
        return open(HandoverFaults.NONE);
    }

    static Channels open(HandoverFaults faultsOfOutgoing) throws HandoverException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        return new Channels(HandoverChannel.over(pair[0], faultsOfOutgoing, TIMEOUT_MS),
            HandoverChannel.over(pair[1], HandoverFaults.NONE, TIMEOUT_MS));
    }

    /** Channels that have agreed on a version. */
    static Channels agreed(int schemaVersion) throws HandoverException {
        return agreed(schemaVersion, HandoverFaults.NONE);
    }

    static Channels agreed(int schemaVersion, HandoverFaults faultsOfOutgoing) throws HandoverException {
        Channels channels = open(faultsOfOutgoing);
        channels.outgoing.agreeOn(schemaVersion);
        channels.incoming.agreeOn(schemaVersion);
        return channels;
    }

    /** A step of a handover. */
    @FunctionalInterface
    interface Action {
        void run() throws HandoverException;
    }

    /** Runs something beside the test; its {@code join} tells how it ended. */
    static CompletableFuture<Void> beside(Action action) {
        return CompletableFuture.runAsync(() -> {
            try {
                action.run();
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        }, task -> Thread.ofPlatform().start(task));
    }

    /** The action's failure; fails if there was none. */
    static HandoverException failure(CompletableFuture<Void> action) {
        try {
            action.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof HandoverException failure) {
                return failure;
            }
            throw e;
        }
        throw new AssertionError("no failure");
    }

    @Override
    public void close() {
        outgoing.close();
        incoming.close();
    }
}
