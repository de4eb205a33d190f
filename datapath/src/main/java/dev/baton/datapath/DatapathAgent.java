package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.Sched;
import dev.baton.ffi.SyscallException;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.SplitVirtqueue;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import org.agrona.concurrent.Agent;
import org.jctools.queues.varhandle.SpscVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * One worker: owns whole queue pairs and moves their frames.
 *
 * <p>Theory of operation. A duty cycle is: at most one command of the conductor, one burst of each transfer, round
 * robin, then the heartbeat. Everything an agent works on is touched by its thread alone; the conductor changes it by
 * commands, which therefore run at a quiescent point: between two bursts no reference into guest memory is held.
 *
 * <p>A front-end can cut the memory short that it has shared; the next access then throws InternalError. The transfer
 * that it hits is suspended, the others go on, and the conductor disconnects the front-end that did it.
 *
 * <p>Sleeping (only with {@link IdleMode#ADAPTIVE}): after a quiet while the agent asks every source for a wake-up,
 * looks once more at all of them, and only then waits on its epoll: for kicks, for TAP input, and for the conductor.
 * Kick and TAP descriptors are watched edge-triggered, so that frames nobody can take yet do not keep it awake.
 */
final class DatapathAgent implements Agent {
    static final int SCRATCH_SEGMENTS = 1024 + Transfer.BURST;

    private static final int COMMANDS = 64;
    private static final long WAKE_TOKEN = -1;
    private static final long TAP_TOKEN = -2;
    private static final int SLEEP_MS = 100;
    /** Sleeps are this short when some driver gave no kick descriptor and has to be polled. */
    private static final int POLLED_SLEEP_MS = 1;

    private final String name;
    private final int cpu;
    private final AgentCounters counters;
    private final MemoryFaultListener memoryFaults;
    private final Queue<AgentCommand> commands = new SpscVarHandleArrayQueue<>(COMMANDS);
    private final ChainBurst scratch = new ChainBurst(Transfer.BURST, SCRATCH_SEGMENTS);
    private final EventFd wake = EventFd.create();
    private final Epoll epoll = Epoll.create();
    private final List<VirtqueueEnd> kicked = new ArrayList<>();
    private final List<Fd> watched = new ArrayList<>();
    private final CompletableFuture<@Nullable SyscallException> started = new CompletableFuture<>();
    private Transfer[] transfers = {};
    private boolean polledOnly;
    private volatile boolean closing;
    private long lastCycleNs;

    /** Told when memory below a transfer is gone; called on the agent's thread, must not block. */
    interface MemoryFaultListener {
        void faulted(DatapathAgent agent, Transfer transfer);
    }

    DatapathAgent(String name, int cpu, AgentCounters counters, MemoryFaultListener memoryFaults) {
        this.memoryFaults = memoryFaults;
        this.name = name;
        this.cpu = cpu;
        this.counters = counters;
        epoll.add(wake.fd(), Epoll.IN, WAKE_TOKEN);
    }

    // ---- the conductor's side

    /** Runs the action on the agent's thread between two bursts and waits until it is done. */
    void execute(Runnable action) {
        AgentCommand command = new AgentCommand(action);
        if (!commands.offer(command)) {
            throw new DatapathException(name + " does not take commands any more");
        }
        wake.signal();
        command.await(name);
    }

    /** Waits until the thread runs on its CPU. */
    void awaitStart() {
        SyscallException refusal = started.join();
        if (refusal != null) {
            throw new DatapathException(name + " cannot be pinned to CPU " + cpu + ": " + refusal.getMessage(),
                refusal);
        }
    }

    /** Ends the sleep that the thread may be in, now and from now on, so that it sees that it shall close. */
    void shutdown() {
        closing = true;
        wake.signal();
    }

    int transferCount() {
        return transfers.length;
    }

    ChainBurst scratch() {
        return scratch;
    }

    // ---- on the agent's thread

    void addTransfers(List<Transfer> added) {
        List<Transfer> all = new ArrayList<>(List.of(transfers));
        all.addAll(added);
        replaceTransfers(all);
    }

    void removeTransfers(List<Transfer> removed) {
        List<Transfer> all = new ArrayList<>(List.of(transfers));
        all.removeAll(removed);
        replaceTransfers(all);
    }

    private void replaceTransfers(List<Transfer> all) {
        transfers = all.toArray(Transfer[]::new);
        rewatch();
    }

    /** Watches what the transfers sleep on now; called whenever transfers or their descriptors changed. */
    void rewatch() {
        watched.forEach(epoll::remove);
        watched.clear();
        kicked.clear();
        polledOnly = false;
        for (Transfer transfer : transfers) {
            Fd tapInput = transfer.tapInput();
            if (tapInput != null) {
                watch(tapInput, TAP_TOKEN);
            }
            for (VirtqueueEnd end : transfer.virtqueueEnds()) {
                watchKick(end);
            }
        }
    }

    /** The memory of one of the transfer's virtqueues is gone: it rests until the conductor has found out whose. */
    private void suspend(Transfer transfer) {
        removeTransfers(List.of(transfer));
        memoryFaults.faulted(this, transfer);
    }

    /** Goes on with a suspended transfer; what its sound virtqueues had used already is published now. */
    void resume(Transfer transfer) {
        for (VirtqueueEnd end : transfer.virtqueueEnds()) {
            SplitVirtqueue queue = end.queue();
            if (queue != null) {
                end.publish(queue);
            }
        }
        addTransfers(List.of(transfer));
    }

    private void watchKick(VirtqueueEnd end) {
        if (end.queue() == null || kicked.contains(end)) {
            return;
        }
        EventFd kick = end.kick();
        if (kick != null) {
            kicked.add(end);
            watch(kick.fd(), kicked.size() - 1);
        } else {
            polledOnly = true;
        }
    }

    private void watch(Fd fd, long token) {
        try {
            epoll.add(fd, Epoll.IN | Epoll.ET, token);
            watched.add(fd);
        } catch (SyscallException e) {
            // A front-end may hand in what cannot be waited for; its queue is polled instead.
            polledOnly = true;
        }
    }

    @Override
    public void onStart() {
        try {
            Sched.threadName(name);
            if (cpu >= 0) {
                Sched.setAffinity(cpu);
            }
            lastCycleNs = System.nanoTime();
            started.complete(null);
        } catch (SyscallException e) {
            // Whoever launched the agent hears of it, and ends it.
            started.complete(e);
        }
    }

    @Override
    public int doWork() {
        AgentCommand command = commands.poll();
        int workCount = 0;
        if (command != null) {
            command.run();
            workCount = 1;
        }
        Transfer[] work = transfers;
        int frames = 0;
        for (Transfer transfer : work) {
            try {
                frames += transfer.doBurst();
            } catch (InternalError e) {
                suspend(transfer);
            }
        }
        long nowNs = System.nanoTime();
        counters.dutyCycle(nowNs, nowNs - lastCycleNs, frames);
        lastCycleNs = nowNs;
        return workCount + frames;
    }

    /**
     * Sleeps until there is work, the conductor calls, or a while has passed; returns at once when there is work.
     *
     * <p>Sources are asked for wake-ups before the last look at them and once more after it: what the last look found
     * out (a receiver without buffers) can change what has to be waited for.
     */
    void sleep() {
        boolean work = closing || armWakeups();
        if (!work && doWork() == 0 && !armWakeups()) {
            counters.sleep();
            int ready = epoll.await(polledOnly ? POLLED_SLEEP_MS : SLEEP_MS);
            for (int i = 0; i < ready; i++) {
                woken(epoll.data(i));
            }
            lastCycleNs = System.nanoTime();
        }
        for (Transfer transfer : transfers) {
            try {
                transfer.disarmWakeups();
            } catch (InternalError e) {
                suspend(transfer);
            }
        }
    }

    private boolean armWakeups() {
        boolean work = false;
        for (Transfer transfer : transfers) {
            try {
                work |= transfer.armWakeups();
            } catch (InternalError e) {
                suspend(transfer);
            }
        }
        return work;
    }

    private void woken(long token) {
        if (token == WAKE_TOKEN) {
            wake.drain();
        } else if (token >= 0 && token < kicked.size()) {
            VirtqueueEnd end = kicked.get((int) token);
            EventFd kick = end.kick();
            if (kick != null) {
                end.counters().kicks(Math.max(0, EventFd.drain(kick.fd().value())));
            }
        }
    }

    @Override
    public void onClose() {
        epoll.close();
        wake.close();
        scratch.close();
    }

    @Override
    public String roleName() {
        return name;
    }
}
