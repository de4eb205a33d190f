package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.HandoverException;
import java.util.concurrent.CompletableFuture;

/** A standby that waits on a thread of its own, and what its wait has to end with. */
final class StandbyWatch {
    private StandbyWatch() {
    }

    /** How its wait ends, with the exception that {@link Standby#await} throws where it throws one. */
    static CompletableFuture<Standby.Ending> await(Standby standby, long heartbeatTimeoutMs) {
        CompletableFuture<Standby.Ending> ending = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                ending.complete(standby.await(heartbeatTimeoutMs));
            } catch (HandoverException | RuntimeException e) {
                ending.completeExceptionally(e);
            }
        });
        return ending;
    }

    /** The datapath that it has seized. */
    static Datapath seized(Standby.Ending ending) {
        assertThat(ending).isInstanceOf(Standby.Ending.Seized.class);
        return ((Standby.Ending.Seized) ending).takeover().datapath();
    }
}
