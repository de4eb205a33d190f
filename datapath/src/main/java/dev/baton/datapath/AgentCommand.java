package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Something the conductor wants done on an agent's thread between two bursts. */
final class AgentCommand {
    /** An agent that has not answered by then is stuck; the conductor goes on and says so. */
    private static final long TIMEOUT_S = 10;

    private static final int FRAMES_TOLD = 3;

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

    /**
     * Waits for the agent; rethrows what the action threw.
     *
     * @param thread its own, null before it has started: where one is stuck is told
     */
    void await(String agent, @Nullable Thread thread) {
        boolean answered;
        try {
            answered = done.await(TIMEOUT_S, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DatapathException("interrupted while waiting for " + agent, e);
        }
        if (!answered) {
            throw new DatapathException(agent + " did not answer within " + TIMEOUT_S + " s: " + whereabouts(thread));
        }
        if (failure instanceof RuntimeException exception) {
            throw exception;
        }
        if (failure instanceof Error error) {
            throw error;
        }
    }

    private static String whereabouts(@Nullable Thread thread) {
        return thread == null ? "not started" : thread.getState() + Arrays.stream(thread.getStackTrace())
            .limit(FRAMES_TOLD).map(frame -> " at " + frame).collect(Collectors.joining());
    }
}
