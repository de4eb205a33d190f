package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import dev.baton.handover.LaneConfirmation;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Both halves of a handover under way in this process, each on a thread of its own. */
record OwnerPair(CompletableFuture<List<LaneConfirmation>> outgoing, CompletableFuture<Takeover> incoming) {
    /** One half. */
    @FunctionalInterface
    private interface Half<T> {
        T run() throws HandoverException;
    }

    static OwnerPair start(Datapath owner, HandoverOptions outgoing, HandoverOptions incoming) {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        return new OwnerPair(begin(() -> owner.handOver(pair[0], outgoing)),
            begin(() -> Datapath.takeOver(pair[1], incoming)));
    }

    private static <T> CompletableFuture<T> begin(Half<T> half) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return half.run();
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        }, task -> Thread.ofPlatform().daemon().start(task));
    }

    /** The failure of a half that must have failed. */
    static HandoverException failure(CompletableFuture<?> half) {
        try {
            throw new AssertionError("it succeeded: " + half.join());
        } catch (CompletionException e) {
            if (e.getCause() instanceof HandoverException failure) {
                return failure;
            }
            throw e;
        }
    }

    /** Waits until both halves are over, however they ended. */
    void await() {
        outgoing.handle((done, problem) -> "over").join();
        incoming.handle((done, problem) -> "over").join();
    }
}
