package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Sched;
import dev.baton.ffi.SyscallException;
import dev.baton.virtqueue.ChainBurst;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.agrona.collections.ArrayUtil;
import org.agrona.concurrent.Agent;
import org.jctools.queues.varhandle.SpscVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * One worker: owns lanes, each of them whole queue pairs, and moves their frames.
 *
 * <p>Theory of operation. A duty cycle is: at most one command of the conductor, one burst of each transfer, lane by
 * lane, then the heartbeat. Everything an agent works on is touched by its thread alone; the conductor changes it by
 * commands, which therefore run at a quiescent point: between two bursts no reference into guest memory is held.
 *
 * <p>A lane comes and goes while it carries traffic: {@link #release} and {@link #claim} are the two halves of a
 * handover, see {@link Lane}. While either is under way the agent does not idle.
 *
 * <p>A front-end can cut the memory short that it has shared; the next access then throws InternalError. The transfer
 * that it hits is suspended, the others go on, and the conductor disconnects the front-end that did it.
 */
final class DatapathAgent implements Agent {
    private static final int SCRATCH_SEGMENTS = 1024 + Transfer.MAX_BURST;
    private static final int COMMANDS = 64;
    /** So often a claimant looks before it turns to the lanes that it owns already: for some microseconds. */
    private static final int LOOKS = 200;

    private final String name;
    private final int cpu;
    private final boolean pinned;
    private final AgentCounters counters;
    private final Lane.FaultListener memoryFaults;
    private final Queue<AgentCommand> commands = new SpscVarHandleArrayQueue<>(COMMANDS);
    private final Opened opened = new Opened();
    private final ChainBurst scratch;
    private final EventFd wake;
    private final AgentSleep sleep;
    private final QuietLanes quiet;
    private final CompletableFuture<@Nullable SyscallException> started = new CompletableFuture<>();
    private final List<Release> releases = new ArrayList<>();
    private Lane[] lanes = {};
    private Claim[] claims = {};
    private int nextClaim;
    private volatile @Nullable Thread thread;
    private volatile boolean closing;
    private volatile int laneCount;
    private long lastCycleNs;

    private record Release(Lane lane, CompletableFuture<Lane> done) {
    }

    private record Claim(Lane lane, CompletableFuture<Lane> done) {
    }

    /**
     * An agent, to be run by a thread of its own.
     *
     * @param cpu    its CPU, -1: any
     * @param pinned whether it starts there; one that is to relieve another agent on that CPU must not
     */
    DatapathAgent(String name, int cpu, boolean pinned, AgentCounters counters, Lane.FaultListener memoryFaults) {
        this.pinned = pinned;
        this.memoryFaults = memoryFaults;
        this.name = name;
        this.cpu = cpu;
        this.counters = counters;
        try {
            scratch = opened.add(new ChainBurst(Transfer.MAX_BURST, SCRATCH_SEGMENTS));
            wake = opened.add(EventFd.create());
            TapWatch taps = opened.add(new TapWatch());
            sleep = opened.add(new AgentSleep(wake, taps));
            quiet = new QuietLanes(taps);
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    // ---- the conductor's side

    /** Runs the action on the agent's thread between two bursts and waits until it is done. */
    void execute(Runnable action) {
        post(action).await(name, thread);
    }

    /** Leaves the action for the agent's thread. */
    AgentCommand post(Runnable action) {
        AgentCommand command = new AgentCommand(action);
        if (!commands.offer(command)) {
            throw new DatapathException(name + " does not take commands any more");
        }
        wake.signal();
        return command;
    }

    /**
     * Takes lanes whose owner is dead. In one command: they rest until it is their turn, and a wake-up costs more than
     * a lane.
     *
     * @param lastAliveNs when the owner was seen alive last, see {@link Blackout}; 0: unknown
     */
    void seizeAll(List<Lane> lanesLeft, long lastAliveNs) {
        if (!lanesLeft.isEmpty()) {
            execute(() -> lanesLeft.forEach(lane -> seize(lane, lastAliveNs)));
        }
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

    /** Lanes that the agent owns or is to own. */
    int laneCount() {
        return laneCount;
    }

    /** Lets go of the lane as soon as a claimant looks at it; completed when it has. */
    CompletableFuture<Lane> release(Lane lane) {
        return begin(done -> beginRelease(lane, done));
    }

    private CompletableFuture<Lane> begin(Consumer<CompletableFuture<Lane>> beginning) {
        CompletableFuture<Lane> done = new CompletableFuture<>();
        try {
            execute(() -> {
                if (!done.isDone()) {
                    beginning.accept(done);
                }
            });
        } catch (DatapathException e) {
            // Whoever asked gives up; an agent that was stuck shall not do it later.
            done.cancel(false);
            throw e;
        }
        return done;
    }

    /** Keeps the lane after all; false when it is gone already. */
    boolean cancelRelease(Lane lane) {
        return ask(() -> {
            lane.cancelRelease();
            releases.removeIf(release -> release.lane == lane);
            return Arrays.asList(lanes).contains(lane);
        });
    }

    /** Takes the lane as soon as its owner lets go; completed after the first burst. */
    CompletableFuture<Lane> claim(Lane lane) {
        return begin(done -> beginClaim(lane, done));
    }

    /** Ends the claim; false when the lane is this agent's already. */
    boolean cancelClaim(Lane lane) {
        return ask(() -> {
            int before = claims.length;
            claims = Arrays.stream(claims).filter(claim -> claim.lane != lane).toArray(Claim[]::new);
            if (claims.length != before) {
                lane.cancelClaim();
            }
            return !Arrays.asList(lanes).contains(lane);
        });
    }

    private boolean ask(BooleanSupplier question) {
        boolean[] answer = new boolean[1];
        execute(() -> answer[0] = question.getAsBoolean());
        return answer[0];
    }

    // ---- on the agent's thread

    void beginRelease(Lane lane, CompletableFuture<Lane> done) {
        lane.beginRelease();
        releases.add(new Release(lane, done));
    }

    void beginClaim(Lane lane, CompletableFuture<Lane> done) {
        lane.beginClaim();
        claims = ArrayUtil.add(claims, new Claim(lane, done));
    }

    void add(Lane lane) {
        replaceLanes(ArrayUtil.add(lanes, lane));
    }

    void remove(Lane lane) {
        replaceLanes(ArrayUtil.remove(lanes, lane));
    }

    /** Touches no lane any more, whoever owns it. */
    void dropLanes() {
        Arrays.asList(claims).forEach(claim -> claim.lane.cancelClaim());
        claims = new Claim[0];
        releases.clear();
        replaceLanes(new Lane[0]);
    }

    private void replaceLanes(Lane[] all) {
        lanes = all;
        quiet.reset(lanes);
        laneCount = lanes.length;
        rewatch();
    }

    /** Watches what the lanes sleep on now; called whenever lanes or their descriptors changed. */
    void rewatch() {
        sleep.watch(lanes);
    }

    /** Goes on with a suspended transfer, if its lane is still here. */
    void unsuspend(Lane lane, Transfer transfer) {
        if (Arrays.asList(lanes).contains(lane)) {
            lane.unsuspend(transfer, memoryFaults);
        }
    }

    /** Takes a lane whose owner is dead. */
    void seize(Lane lane, long lastAliveNs) {
        lane.seize(lastAliveNs, scratch, memoryFaults);
        add(lane);
    }

    /** Moves the thread to the agent's own CPU, if it has one. */
    void pin() {
        if (cpu >= 0) {
            Sched.setAffinity(cpu);
        }
    }

    @Override
    public void onStart() {
        thread = Thread.currentThread();
        try {
            Sched.threadName(name);
            if (pinned) {
                pin();
            }
            counters.started();
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
            quiet.wakeAll();
            workCount = 1;
        }
        workCount += releases.size();
        int frames = workLanes();
        if (claims.length != 0) {
            workCount++;
            frames += lookAtAClaim();
        }
        long nowNs = System.nanoTime();
        counters.dutyCycle(nowNs, nowNs - lastCycleNs, frames);
        lastCycleNs = nowNs;
        return workCount + frames;
    }

    /** One burst of each transfer of the lanes that are not quiet; returns the frames taken. */
    private int workLanes() {
        int frames = 0;
        if (quiet.awaitsTaps()) {
            quiet.lookAtTaps();
        }
        try {
            // A lane can go: the others move up, and the next one has its turn in the next cycle.
            for (int i = 0; i < lanes.length; i++) {
                if (!quiet.isQuiet(i)) {
                    quiet.checkFault();
                    frames += work(lanes[i], i);
                }
            }
            quiet.checkFault();
        } catch (InternalError e) {
            // Whose memory it is that was cut short, its transfer finds out.
            quiet.wakeAll();
        }
        return frames;
    }

    private int work(Lane lane, int number) {
        if (!lane.owned()) {
            remove(lane);
            return 0;
        }
        int frames = lane.doBursts(scratch, memoryFaults);
        if (lane.releasing() && lane.tryRelease()) {
            released(lane);
        } else {
            quiet.worked(number, lane, frames);
        }
        return frames;
    }

    private void released(Lane lane) {
        remove(lane);
        for (Release release : List.copyOf(releases)) {
            if (release.lane == lane) {
                releases.remove(release);
                release.done.complete(lane);
            }
        }
    }

    /** Looks at one lane at a time: another one, let go meanwhile, would wait until this one has had its turn. */
    private int lookAtAClaim() {
        nextClaim = (nextClaim + 1) % claims.length;
        Claim claim = claims[nextClaim];
        claim.lane.stayWarm();
        for (int look = 0; look < LOOKS; look++) {
            if (claim.lane.tryClaim()) {
                return claimed(claim);
            }
            Thread.onSpinWait();
        }
        return claim.lane.lookAway() ? claimed(claim) : 0;
    }

    private int claimed(Claim claimed) {
        int frames = claimed.lane.resume(scratch, memoryFaults);
        claims = Arrays.stream(claims).filter(claim -> !claim.equals(claimed)).toArray(Claim[]::new);
        add(claimed.lane);
        claimed.done.complete(claimed.lane);
        return frames;
    }

    /** Whether there is nothing that could bring work but a command. */
    boolean ownsNothing() {
        return lanes.length == 0 && claims.length == 0;
    }

    /**
     * Sleeps until there is work, the conductor calls, or a while has passed; returns at once when there is work.
     *
     * <p>Sources are asked for wake-ups before the last look at them and once more after it: what the last look found
     * out (a receiver without buffers) can change what has to be waited for.
     */
    void sleep() {
        quiet.lookAtTaps();
        boolean work = closing || armWakeups();
        if (!work && doWork() == 0 && !armWakeups()) {
            counters.sleep();
            sleep.await();
            quiet.lookAtTaps();
            lastCycleNs = System.nanoTime();
        }
        for (Lane lane : lanes) {
            lane.disarmWakeups(memoryFaults);
        }
    }

    private boolean armWakeups() {
        boolean work = false;
        for (Lane lane : lanes) {
            work |= lane.armWakeups(memoryFaults);
        }
        return work;
    }

    @Override
    public void onClose() {
        opened.close();
    }

    @Override
    public String roleName() {
        return name;
    }
}
