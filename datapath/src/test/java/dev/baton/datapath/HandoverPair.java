package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverException;
import dev.baton.handover.LaneConfirmation;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Both halves of a handover, tried at the same time in one process, and what came of them. */
record HandoverPair(@Nullable Takeover takeover, @Nullable HandoverException incoming,
                    @Nullable HandoverException outgoing) {
    static HandoverPair attempt(Datapath owner, HandoverOptions outgoing, HandoverOptions incoming) {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        // A thread of its own: the common pool has a single one on two CPUs.
        CompletableFuture<List<LaneConfirmation>> released = CompletableFuture.supplyAsync(() -> {
            try {
                return owner.handOver(pair[0], outgoing);
            } catch (HandoverException e) {
                throw new CompletionException(e);
            }
        }, task -> Thread.ofPlatform().daemon().start(task));
        Takeover takeover = null;
        HandoverException incomingFailure = null;
        try {
            takeover = Datapath.takeOver(pair[1], incoming);
        } catch (HandoverException e) {
            incomingFailure = e;
        }
        try {
            released.join();
            return new HandoverPair(takeover, incomingFailure, null);
        } catch (CompletionException e) {
            return new HandoverPair(takeover, incomingFailure, (HandoverException) e.getCause());
        }
    }

    /** The datapath of the new owner; there must be one. */
    Datapath datapath() {
        return Objects.requireNonNull(takeover, () -> "not taken over: " + incoming + ", " + outgoing).datapath();
    }
}
