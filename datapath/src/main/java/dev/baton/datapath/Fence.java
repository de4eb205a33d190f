package dev.baton.datapath;

import dev.baton.ffi.PidFd;
import dev.baton.ffi.SyscallException;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import org.jspecify.annotations.Nullable;

/**
 * Makes sure that another owner's process has ended before its lanes are taken: by pidfd, which never comes to mean
 * another process. Two owners at a time is the one thing that must not be.
 */
final class Fence implements AutoCloseable {
    static final long DEATH_TIMEOUT_MS = 2_000;

    private final int pid;
    private final @Nullable PidFd process;

    private Fence(int pid, @Nullable PidFd process) {
        this.pid = pid;
        this.process = process;
    }

    /** A fence around a process; one that is not there any more has ended. */
    static Fence of(int pid) {
        try {
            return new Fence(pid, PidFd.open(pid));
        } catch (SyscallException e) {
            return new Fence(pid, null);
        }
    }

    /** A fence around nobody. */
    static Fence ended() {
        return new Fence(0, null);
    }

    /** Whether the process has ended, waiting for it so long. */
    boolean hasEnded(long waitMs) {
        return process == null || process.awaitExit(waitMs);
    }

    /**
     * Ends the process, if it has not ended, and waits for its end.
     *
     * @throws HandoverException when it cannot be ended: its lanes are still its own
     */
    void end() throws HandoverException {
        if (process == null || process.awaitExit(0)) {
            return;
        }
        if (pid == ProcessHandle.current().pid()) {
            throw new HandoverException("channel", HandoverError.TIMEOUT, "the other owner is in this very process");
        }
        try {
            process.kill(PidFd.SIGKILL);
        } catch (SyscallException e) {
            // It ended by itself, or it will not be ended by us: the wait tells.
        }
        if (!process.awaitExit(DEATH_TIMEOUT_MS)) {
            throw new HandoverException("channel", HandoverError.TIMEOUT,
                "the other owner does not answer and cannot be ended");
        }
    }

    @Override
    public void close() {
        if (process != null) {
            process.close();
        }
    }
}
