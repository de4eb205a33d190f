package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Virtqueue;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The queue pairs of a wire that share virtqueues or TAP queues, and so have one owner: the unit in which a datapath
 * changes hands.
 *
 * <p>Theory of operation. An owner is an agent, of this process or another; who owns the lane is told by one word, the
 * epoch of its {@link LaneRecord}. Everything the next owner has to know is in the baton at every burst boundary, so
 * a change of owner is one store by the old one and one load by the new one:
 *
 * <pre>
 *   old owner                                     claimant
 *   burst, queue records written                  beat: "I am looking", with the time
 *   is there a beat of this very microsecond? ... look at the epoch
 *   epoch + 1, with release   ------------------> epoch is the one I wait for
 *   never touches the lane again                  queues resume from their records, first burst,
 *                                                 one call to each driver: no wake-up is lost
 * </pre>
 *
 * <p>The old owner lets go only while it sees the claimant look. On a machine with fewer cores than busy threads the
 * claimant may not be running, and the lane would rest until it is; as things are the old owner goes on forwarding.
 *
 * <p>All methods belong to the thread of the agent that owns or claims the lane.
 */
final class Lane {
    /** A beat older than this says nothing about whether the claimant is running. */
    private static final long FRESH_NS = 1_000;
    /** After so long the two are taken never to run at a time, as on one CPU: any sign of life will do. */
    private static final long PATIENCE_NS = 500_000_000;
    private static final long ALIVE_NS = 20_000_000;
    static final long MAY_LET_GO_MS = 40;

    private final long freshNs;
    private final long patienceNs;
    private final int index;
    private final LaneRecord record;
    private final List<Transfer> transfers;
    private final List<VirtqueueEnd> ends = new ArrayList<>();
    private Transfer[] active;
    private long epoch;
    private boolean releasing;
    private long releasingSinceNs;
    private boolean firstFrameDue;
    /** Its virtqueues are objects of this claimant's own, not those that the owner works with. */
    private boolean apart;

    /** Told when memory below a transfer is gone. */
    interface FaultListener {
        void suspended(Lane lane, Transfer transfer);
    }

    /**
     * A lane.
     *
     * @param index of its record in the baton
     */
    Lane(int index, LaneRecord record, List<Transfer> transfers) {
        this(index, record, transfers, FRESH_NS, PATIENCE_NS);
    }

    /**
     * A lane with other limits.
     *
     * @param freshNs    a claimant whose beat is younger than this is looking
     * @param patienceNs its owner settles after so long for a claimant that does not run at the same time
     */
    Lane(int index, LaneRecord record, List<Transfer> transfers, long freshNs, long patienceNs) {
        this.freshNs = freshNs;
        this.patienceNs = patienceNs;
        this.index = index;
        this.record = record;
        this.transfers = List.copyOf(transfers);
        this.active = transfers.toArray(Transfer[]::new);
        this.epoch = record.epoch();
        for (Transfer transfer : transfers) {
            for (VirtqueueEnd end : transfer.virtqueueEnds()) {
                if (!ends.contains(end)) {
                    ends.add(end);
                }
            }
        }
    }

    int index() {
        return index;
    }

    List<Transfer> transfers() {
        return transfers;
    }

    List<VirtqueueEnd> ends() {
        return ends;
    }

    /** The transfers that are not suspended; not to be changed. */
    Transfer[] active() {
        return active;
    }

    long epoch() {
        return record.epoch();
    }

    Blackout blackout() {
        return record.blackout();
    }

    // ---- the owner

    /** Whether the lane is still its owner's: a standby that took this process for dead has ended it first. */
    boolean owned() {
        return record.epoch() == epoch;
    }

    /** One burst of each transfer; returns the frames taken. A transfer whose memory is gone is suspended. */
    int doBursts(ChainBurst scratch, FaultListener faults) {
        int frames = 0;
        for (Transfer transfer : active) {
            try {
                frames += transfer.doBurst(scratch);
                RawMemory.checkFault();
            } catch (InternalError e) {
                suspend(transfer, faults);
            }
        }
        if (firstFrameDue && frames > 0) {
            firstFrameDue = false;
            record.firstFrame(System.nanoTime());
        }
        return frames;
    }

    private void suspend(Transfer transfer, FaultListener faults) {
        List<Transfer> rest = new ArrayList<>(List.of(active));
        rest.remove(transfer);
        active = rest.toArray(Transfer[]::new);
        faults.suspended(this, transfer);
    }

    /** Goes on with a suspended transfer; what its sound virtqueues had used already is published now. */
    void unsuspend(Transfer transfer, FaultListener faults) {
        List<Transfer> all = new ArrayList<>(List.of(active));
        all.add(transfer);
        active = all.toArray(Transfer[]::new);
        for (VirtqueueEnd end : transfer.virtqueueEnds()) {
            withEnd(end, faults, Lane::publish);
        }
    }

    private static void publish(VirtqueueEnd end) {
        Virtqueue queue = end.queue();
        if (queue != null) {
            end.publish(queue);
        }
    }

    /** Does something to an end; when its memory is gone, the transfers that use it are suspended. */
    private void withEnd(VirtqueueEnd end, FaultListener faults, Consumer<VirtqueueEnd> action) {
        try {
            action.accept(end);
            RawMemory.checkFault();
        } catch (InternalError e) {
            for (Transfer transfer : active) {
                if (transfer.virtqueueEnds().contains(end)) {
                    suspend(transfer, faults);
                }
            }
        }
    }

    /** Asks every source for a wake-up; true when there is work already. */
    boolean armWakeups(FaultListener faults) {
        boolean work = false;
        for (Transfer transfer : active) {
            try {
                work |= transfer.armWakeups();
                RawMemory.checkFault();
            } catch (InternalError e) {
                suspend(transfer, faults);
            }
        }
        return work;
    }

    void disarmWakeups(FaultListener faults) {
        for (Transfer transfer : active) {
            try {
                transfer.disarmWakeups();
                RawMemory.checkFault();
            } catch (InternalError e) {
                suspend(transfer, faults);
            }
        }
    }

    /** Lets go from now on, as soon as a claimant looks. */
    void beginRelease() {
        releasing = true;
        releasingSinceNs = System.nanoTime();
    }

    /** Keeps the lane after all. */
    void cancelRelease() {
        releasing = false;
    }

    boolean releasing() {
        return releasing;
    }

    /** At a burst boundary: lets go if the claimant looks; true when the lane is no longer this agent's. */
    boolean tryRelease() {
        // In this order: an owner that loses its CPU in between finds the beat too old, not one from its own future.
        long beatNs = record.claimBeatNs();
        long nowNs = System.nanoTime();
        long beatAgeNs = nowNs - beatNs;
        boolean looking = beatAgeNs < freshNs;
        if (!looking && (beatAgeNs >= ALIVE_NS || nowNs - releasingSinceNs < patienceNs)) {
            return false;
        }
        releasing = false;
        record.release(epoch, nowNs);
        if (!looking) {
            giveUpCpu();
        }
        return true;
    }

    /** The claimant waits for this very CPU, most likely, and the lane rests until it has it. */
    @SuppressWarnings("ThreadPriorityCheck") // a hint: the lane changes hands without it as well, a time slice later
    private static void giveUpCpu() {
        Thread.yield();
    }

    /**
     * After a handover that failed: the claimant may be stuck rather than gone, and go on with its claim when the lane
     * is let go for another one. The epoch that it waits for never comes.
     */
    void disownClaimants() {
        if (owned()) {
            record.renew(epoch);
            epoch += 2;
        }
    }

    // ---- the claimant

    /** The lane's owner is another lane object on the same record: that of another process. */
    void setApart() {
        apart = true;
        epoch = record.epoch();
    }

    /**
     * The owner of this moment is the one that shall let go. Where that is in another process it is the owner of the
     * moment in which the lane was described: one that has kept it since has done so because the handover failed.
     */
    void beginClaim() {
        if (!apart) {
            epoch = record.epoch();
        }
        transfers.forEach(Transfer::expect);
    }

    /** Says that somebody looks, and looks; true when the lane is this agent's from now on. */
    boolean tryClaim() {
        record.claimBeat(System.nanoTime());
        return record.epoch() == epoch + 1;
    }

    /** Says that the claimant lives and does not look for now, and looks a last time; returns like tryClaim. */
    boolean lookAway() {
        record.claimBeat(System.nanoTime() - FRESH_NS);
        return record.epoch() == epoch + 1;
    }

    /**
     * Does what {@link #resume} will do first, and changes nothing that the owner sees: a claimant that has not touched
     * its queues for a while would wait for memory when it matters.
     */
    void stayWarm() {
        if (!apart) {
            return;
        }
        for (VirtqueueEnd end : ends) {
            end.stayWarm();
        }
    }

    /** Ends the claim; the owner may have seen its last beat, and may let go for {@link #MAY_LET_GO_MS} yet. */
    void cancelClaim() {
        record.claimBeat(0);
    }

    /** Whether the owner has let go for this claimant, which has not taken it up. */
    boolean released() {
        return record.epoch() == epoch + 1;
    }

    /** The new owner's first act: queues resume where the old owner left them, one burst, one call to each driver. */
    int resume(ChainBurst scratch, FaultListener faults) {
        epoch++;
        apart = false;
        for (Transfer transfer : transfers) {
            transfer.resume();
        }
        for (VirtqueueEnd end : ends) {
            withEnd(end, faults, VirtqueueEnd::resume);
        }
        firstFrameDue = true;
        record.resumed(System.nanoTime());
        int frames = doBursts(scratch, faults);
        for (VirtqueueEnd end : ends) {
            end.call();
        }
        return frames;
    }

    /** Takes the lane of an owner that is known to be dead; its virtqueues recover from the guests' rings. */
    int seize(long lastAliveNs, ChainBurst scratch, FaultListener faults) {
        for (VirtqueueEnd end : ends) {
            withEnd(end, faults, VirtqueueEnd::recover);
        }
        epoch = record.epoch();
        record.release(epoch, lastAliveNs);
        return resume(scratch, faults);
    }
}
