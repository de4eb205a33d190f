package dev.baton.datapath;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.PidFd;
import dev.baton.ffi.SyscallException;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.Section;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.agrona.CloseHelper;
import org.jspecify.annotations.Nullable;

/**
 * Makes sure that another owner's process touches nothing any more before its lanes are taken: by pidfd, which never
 * comes to mean another process. Two owners at a time is the one thing that must not be.
 *
 * <p>A process that is killed loses all its threads at once, but has not ended before the last of them has given back
 * its memory and its descriptors, which takes the kernel many milliseconds. So where the threads are known that touch
 * rings and connections, and the kernel tells of their ends (Linux 6.9), it is their ends that count.
 */
final class Fence implements AutoCloseable {
    static final long DEATH_TIMEOUT_MS = 2_000;
    /** One that is killed needs the CPU to end; it will, and who gives up before that leaves lanes without an owner. */
    private static final long KILLED_TIMEOUT_MS = 60_000;

    private final int pid;
    private final @Nullable PidFd process;
    private List<PidFd> owners = List.of();

    private Fence(int pid, @Nullable PidFd process) {
        this.pid = pid;
        this.process = process;
    }

    /**
     * A fence around the process at the other end, which has just said hello.
     *
     * @throws HandoverException when it is nobody here, or nobody can tell whether it ends
     */
    static Fence aroundPeer(int pid) throws HandoverException {
        Fence fence = of(pid);
        if (fence.process == null) {
            throw new HandoverException(Section.HELLO.label(), HandoverError.CANNOT_HAND_OVER, "the peer is process "
                + pid + " where it lives, and nobody here: it has just ended, or has another PID namespace");
        }
        return fence;
    }

    /**
     * A fence around a process; one that is not there any more has ended.
     *
     * @throws HandoverException when nobody can tell whether it has
     */
    static Fence of(int pid) throws HandoverException {
        try {
            return new Fence(pid, PidFd.open(pid));
        } catch (SyscallException e) {
            if (e.errno() == Errno.ESRCH) {
                return new Fence(pid, null);
            }
            throw new HandoverException("channel", HandoverError.CANNOT_HAND_OVER,
                "process " + pid + " cannot be watched: " + e.getMessage(), e);
        }
    }

    /** A fence around nobody. */
    static Fence ended() {
        return new Fence(0, null);
    }

    /** From now on the ends of these threads of the process count, if all of them can be seen. */
    void narrow(List<Integer> threads) {
        List<PidFd> opened = new ArrayList<>();
        try {
            for (int thread : threads) {
                opened.add(PidFd.openThread(thread));
            }
        } catch (SyscallException e) {
            CloseHelper.closeAll(opened);
            return;
        }
        // After they were opened: what is there now can not have become another process's thread since.
        if (threads.stream().allMatch(thread -> Files.exists(Path.of("/proc/" + pid + "/task/" + thread)))) {
            CloseHelper.closeAll(owners);
            owners = List.copyOf(opened);
        } else {
            CloseHelper.closeAll(opened);
        }
    }

    /** What is readable when there is reason to look whether the owner has ended; stays the fence's. */
    List<Fd> signs() {
        return owners.stream().map(PidFd::fd).toList();
    }

    /** Whether the owner has ended, waiting for it so long. */
    boolean hasEnded(long waitMs) {
        if (process == null) {
            return true;
        }
        if (owners.isEmpty()) {
            return process.awaitExit(waitMs);
        }
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(waitMs);
        for (PidFd owner : owners) {
            if (!owner.awaitExit(Math.max(0, TimeUnit.NANOSECONDS.toMillis(deadlineNs - System.nanoTime())))) {
                return false;
            }
        }
        return true;
    }

    /**
     * Ends the process, if it has not ended, and waits for the owner's end.
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
        long timeoutMs = KILLED_TIMEOUT_MS;
        try {
            process.kill(PidFd.SIGKILL);
        } catch (SyscallException e) {
            // It ended by itself, or it will not be ended by us: the wait tells.
            timeoutMs = DEATH_TIMEOUT_MS;
        }
        if (!hasEnded(timeoutMs)) {
            throw new HandoverException("channel", HandoverError.TIMEOUT,
                "the other owner does not answer and cannot be ended");
        }
    }

    @Override
    public void close() {
        CloseHelper.closeAll(owners);
        if (process != null) {
            process.close();
        }
    }
}
