package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.HandoverException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** A standby that waits on a thread of its own, and what its wait has to end with. */
final class StandbyWatch {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

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

    /** The datapath that it has seized, or will have soon. */
    static Datapath seized(CompletableFuture<Standby.Ending> ending) {
        assertThat(ending).as("the end of the wait of a standby whose owner is dead").succeedsWithin(PATIENCE);
        return seized(ending.join());
    }

    /** The datapath that it has seized. */
    static Datapath seized(Standby.Ending ending) {
        assertThat(ending).isInstanceOf(Standby.Ending.Seized.class);
        return ((Standby.Ending.Seized) ending).takeover().datapath();
    }
}
