package dev.baton.datapath;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.LaneConfirmation;
import dev.baton.handover.Section;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiPredicate;

/**
 * The old owner's side of a handover between processes.
 *
 * <pre>
 *   describe ---> wait ---> freeze ---> claim ---> release ---> wait ---> leave
 *            description   PREPARED   (stale: describe      CLAIM,   epochs     CONFIRMED
 *                                      once more)           CLAIMING  change
 *      |           |          |                     |          |
 *      '-----------+----------+----- any failure ---+----------'
 *                             v
 *               thaw: this owner goes on as if nothing had been
 * </pre>
 *
 * <p>Until the first epoch changes nothing has happened that anybody could see. When the peer dies with some lanes
 * taken and others not, it is dead before it has served a front-end: this owner takes the lanes back as from any dead
 * owner. When it has them all it is the owner, and its death is a matter for a standby.
 */
final class OutgoingHandover {
    private final Fence peer;
    private final Datapath datapath;
    private final HandoverChannel channel;
    private final HandoverOptions options;
    private final HandoverFaults faults;
    private long generation;

    /**
     * A handover.
     *
     * @param peer the new owner's process
     */
    OutgoingHandover(Datapath datapath, HandoverChannel channel, Fence peer, HandoverOptions options) {
        this.peer = peer;
        this.datapath = datapath;
        this.channel = channel;
        this.options = options;
        this.faults = options.faults();
    }

    /**
     * Hands the datapath over to the peer, with whom the versions are agreed upon.
     *
     * @return when each lane changed its owner, as the new owner says; the datapath has been abandoned
     * @throws HandoverException when it was not handed over: this owner goes on
     */
    List<LaneConfirmation> run() throws HandoverException {
        try {
            handOver();
        } catch (HandoverException | RuntimeException e) {
            datapath.conductor().run(datapath.topology()::disownClaimants);
            Succession succession = datapath.baton().succession();
            succession.evict(succession.claimant());
            throw e;
        }
        return leave();
    }

    /** When this throws, every lane is here. */
    private void handOver() throws HandoverException {
        Outgoing description = describe();
        // Like the new owner, and meanwhile: an owner that has never let go of a lane would do it interpreted.
        Rehearsal.run(options.rehearsals(), () -> peer.hasEnded(0));
        HandoverMessages.awaitStep(channel, Section.PREPARED, generation, options.patienceMs());
        faults.at(Edge.OUTGOING_PREPARED);
        options.controlPlane().freeze();
        try {
            settle(description);
        } catch (HandoverException | RuntimeException e) {
            options.controlPlane().thaw();
            throw e;
        }
    }

    /** Freezes what is described, and lets the lanes go; when this throws, nothing has changed. */
    private void settle(Outgoing description) throws HandoverException {
        freeze();
        try {
            if (!isCurrent(description)) {
                describe();
                HandoverMessages.awaitStep(channel, Section.PREPARED, generation, options.timeoutMs());
            }
            faults.at(Edge.OUTGOING_FROZEN);
            faults.at(Edge.OUTGOING_CLAIM);
            HandoverMessages.sendStep(channel, Section.CLAIM, generation);
            HandoverMessages.awaitStep(channel, Section.CLAIMING, generation, options.timeoutMs());
            faults.at(Edge.OUTGOING_RELEASE);
            release();
        } catch (HandoverException | RuntimeException e) {
            datapath.conductor().run(datapath.topology()::serve);
            throw e;
        }
    }

    private Outgoing describe() throws HandoverException {
        generation++;
        return Outgoing.send(datapath, options, channel, generation);
    }

    private boolean isCurrent(Outgoing description) {
        return datapath.conductor().call(datapath.topology()::changes) == description.changes();
    }

    private void freeze() throws HandoverException {
        try {
            datapath.conductor().run(datapath.topology()::freeze);
        } catch (DatapathException e) {
            throw new HandoverException(Section.CLAIM.label(), HandoverError.CANNOT_HAND_OVER,
                String.valueOf(e.getMessage()), e);
        }
    }

    /** Lets every lane go; when this throws, every lane is here. */
    private void release() throws HandoverException {
        List<CompletableFuture<Lane>> releases = new ArrayList<>();
        List<Lane> leaving = new ArrayList<>();
        try {
            datapath.conductor().call(() -> {
                for (Wiring wiring : datapath.topology().wirings()) {
                    for (Lane lane : wiring.lanes()) {
                        releases.add(wiring.owner(lane).release(lane));
                        leaving.add(lane);
                    }
                }
                return this;
            });
        } catch (DatapathException e) {
            // An agent is stuck, and keeps its lanes. Those of the others come back to it.
            takeBack(cancel(leaving));
            throw new HandoverException(Section.CLAIM.label(), HandoverError.CANNOT_HAND_OVER,
                String.valueOf(e.getMessage()), e);
        }
        CompletableFuture<Void> all = CompletableFuture.allOf(releases.toArray(CompletableFuture<?>[]::new));
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(options.timeoutMs());
        while (!await(all)) {
            if (peer.hasEnded(0) || System.nanoTime() > deadlineNs) {
                keepWhatIsLeft(leaving);
                return;
            }
        }
    }

    private static boolean await(CompletableFuture<Void> all) {
        try {
            all.get(10, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    /** The peer did not take all lanes in time: none may be without an owner. Returns when all are gone after all. */
    private void keepWhatIsLeft(List<Lane> leaving) throws HandoverException {
        boolean peerDead = peer.hasEnded(0);
        List<Lane> gone = cancel(leaving);
        int kept = leaving.size() - gone.size();
        if (kept == 0) {
            return;
        }
        takeBack(gone);
        throw new HandoverException(Section.CLAIM.label(), peerDead ? HandoverError.PEER_GONE : HandoverError.TIMEOUT,
            "the new owner " + (peerDead ? "died" : "did not take over in time") + " with " + kept + " of "
                + leaving.size() + " lanes to go" + (gone.isEmpty() ? "" : "; its lanes were taken back"));
    }

    /** Lets go of these no more; returns those that are gone. */
    private List<Lane> cancel(List<Lane> leaving) {
        return forEach(leaving, (agent, lane) -> !keeps(agent, lane));
    }

    private static boolean keeps(DatapathAgent agent, Lane lane) {
        try {
            return agent.cancelRelease(lane);
        } catch (DatapathException e) {
            // It is stuck, and lets nothing go now. Who gets a lane of it after all ends this process first.
            return true;
        }
    }

    /** From the peer, which does not live to serve them. */
    private void takeBack(List<Lane> gone) throws HandoverException {
        if (!gone.isEmpty()) {
            peer.end();
            forEach(gone, (agent, lane) -> {
                agent.seizeAll(List.of(lane), 0);
                return true;
            });
        }
    }

    /** Does something to some lanes; returns those of which it is true. */
    private List<Lane> forEach(List<Lane> lanes, BiPredicate<DatapathAgent, Lane> action) {
        return datapath.conductor().call(() -> {
            List<Lane> all = new ArrayList<>();
            for (Wiring wiring : datapath.topology().wirings()) {
                for (Lane lane : wiring.lanes()) {
                    if (lanes.contains(lane) && action.test(wiring.owner(lane), lane)) {
                        all.add(lane);
                    }
                }
            }
            return all;
        });
    }

    /** From here on nothing of the datapath is this process's. */
    private List<LaneConfirmation> leave() throws HandoverException {
        try {
            faults.at(Edge.OUTGOING_RELEASED);
            HandoverMessages.sendStep(channel, Section.SWITCHED, generation);
            List<LaneConfirmation> confirmed =
                HandoverMessages.awaitConfirmed(channel, generation, options.timeoutMs());
            faults.at(Edge.OUTGOING_CONFIRMED);
            faults.at(Edge.OUTGOING_LEAVE);
            return confirmed;
        } catch (HandoverException e) {
            // The lanes are gone, whatever the new owner says of them or fails to say.
            System.getLogger(OutgoingHandover.class.getPackageName()).log(System.Logger.Level.WARNING,
                "handed over, but the new owner did not confirm: " + e.getMessage());
            return List.of();
        } finally {
            datapath.abandon();
        }
    }
}
