package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Something the conductor wants done on an agent's thread between two bursts. */
final class AgentCommand {
    /** An agent that has not answered by then is stuck; the conductor goes on and says so. */
    private static final long TIMEOUT_S = 10;

    private final Runnable action;
    private final CountDownLatch done = new CountDownLatch(1);
    private @Nullable Throwable failure;

    AgentCommand(Runnable action) {
        this.action = action;
    }

    void run() {
        try {
            action.run();
            RawMemory.checkFault();
        } catch (RuntimeException | InternalError e) {
            // InternalError is what an access to memory becomes that its front-end has cut short.
            failure = e;
        } finally {
            done.countDown();
        }
    }

    /** Waits for the agent; rethrows what the action threw. An agent that is stuck can be asked where. */
    void await(String agent, Supplier<String> whereabouts) {
        boolean answered;
        try {
            answered = done.await(TIMEOUT_S, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DatapathException("interrupted while waiting for " + agent, e);
        }
        if (!answered) {
            throw new DatapathException(agent + " did not answer within " + TIMEOUT_S + " s: " + whereabouts.get());
        }
        if (failure instanceof RuntimeException exception) {
            throw exception;
        }
        if (failure instanceof Error error) {
            throw error;
        }
    }
}
