package dev.baton.datapath;

import dev.baton.ffi.SyscallException;
import dev.baton.handover.Description;
import dev.baton.handover.DescriptionReader;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Received;
import dev.baton.handover.Section;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The new owner's side of a handover between processes.
 *
 * <pre>
 *   read ---> build ---> rehearse ---> wait ---> claim ---> serve ---> confirm
 *  description                PREPARED   |  CLAIM    CLAIMING            CONFIRMED
 *     ^                                  | a newer description
 *     '----------------------------------'
 * </pre>
 */
final class IncomingHandover implements AutoCloseable {
    private final HandoverChannel channel;
    private final Fence peer;
    private final HandoverOptions options;
    private final HandoverFaults faults;
    private final long startedNs;
    private final boolean alone;
    private volatile @Nullable Description description;
    private @Nullable Datapath datapath;
    private @Nullable Succession succession;
    private long confirmedGeneration;

    /**
     * A handover.
     *
     * @param peer      the old owner's process
     * @param startedNs when the first word was said
     * @param alone     see {@link Incoming#build}
     */
    IncomingHandover(HandoverChannel channel, Fence peer, HandoverOptions options, long startedNs, boolean alone) {
        this.peer = peer;
        this.channel = channel;
        this.options = options;
        this.faults = options.faults();
        this.startedNs = startedNs;
        this.alone = alone;
    }

    /** Takes over from the peer, with whom the versions are agreed upon. */
    Takeover run() throws HandoverException {
        faults.at(Edge.INCOMING_DESCRIPTION);
        prepare(DescriptionReader.read(channel, options.patienceMs()));
        faults.at(Edge.INCOMING_WARM);
        Rehearsal.run(options.rehearsals(), () -> peer.hasEnded(0));
        while (true) {
            faults.at(Edge.INCOMING_PREPARED);
            HandoverMessages.sendStep(channel, Section.PREPARED, generation());
            Received next = channel.receive(options.patienceMs(), Section.CLAIM, Section.DATAPATH);
            if (next.section() == Section.CLAIM) {
                checkGeneration(next);
                return claim();
            }
            prepare(DescriptionReader.readAfter(next, channel, options.patienceMs()));
        }
    }

    /** Builds the datapath of a description, in the place of an older one. */
    void prepare(Description newer) throws HandoverException {
        replace(Incoming.build(newer, options, alone), newer);
    }

    /** A standby may be asked for what its owner has counted while it prepares on another thread. */
    private synchronized void replace(Datapath built, Description newer) {
        close();
        datapath = built;
        Succession next = built.baton().succession();
        succession = succession == null ? next : next.inTurnOf(succession);
        description = newer;
        confirmedGeneration = newer.generation();
    }

    int ports() {
        Description prepared = description;
        return prepared == null ? 0 : prepared.ports().size();
    }

    long generation() {
        return Objects.requireNonNull(description).generation();
    }

    private void checkGeneration(Received claim) throws HandoverException {
        long claimed = HandoverMessages.generation(claim);
        if (claimed != generation()) {
            throw new HandoverException(Section.CLAIM.label(), HandoverError.MALFORMED,
                "it is about generation " + claimed + ", not " + generation());
        }
    }

    private Takeover claim() throws HandoverException {
        if (!succession().begin()) {
            throw new HandoverException(Section.CLAIM.label(), HandoverError.CANNOT_HAND_OVER,
                "another process takes the datapath over, or has done so");
        }
        try {
            return claimInTurn();
        } finally {
            // Without effect when all lanes were taken: the turn is over then.
            succession().cancel();
        }
    }

    private Takeover claimInTurn() throws HandoverException {
        Datapath taken = Objects.requireNonNull(datapath);
        LaneClaims claims = LaneClaims.of(taken);
        long askedNs = System.nanoTime();
        faults.at(Edge.INCOMING_CLAIMING);
        options.controlPlane().taking();
        HandoverMessages.sendStep(channel, Section.CLAIMING, generation());
        int recovered = await(claims);
        faults.at(Edge.INCOMING_CLAIMED);
        Takeover takeover = settle(taken, claims, askedNs, recovered);
        confirm(claims);
        return takeover;
    }

    /** Waits until all lanes are here; returns how many of them had to be taken from a dead owner. */
    private int await(LaneClaims claims) throws HandoverException {
        HandoverException problem;
        try {
            HandoverMessages.awaitStep(channel, Section.SWITCHED, generation(), 2 * options.timeoutMs());
            claims.awaitAll(options.timeoutMs());
            return 0;
        } catch (HandoverException e) {
            problem = e;
        }
        boolean gone = problem.kind() == HandoverError.PEER_GONE;
        if (gone && peer.hasEnded(Fence.DEATH_TIMEOUT_MS)) {
            return claims.seizeLeft(formerCounters());
        }
        int ours = claims.giveUp();
        if (ours == 0) {
            throw problem;
        }
        if (ours < claims.size()) {
            // Some lanes are here, some are with an owner that says nothing any more.
            peer.end();
        }
        claims.seizeLeft(formerCounters());
        return claims.size() - ours;
    }

    /** Whose turn it is to take the lanes of the owner that was described. */
    Succession succession() {
        return Objects.requireNonNull(succession);
    }

    /** What the former owner has counted so far. */
    synchronized CountersSnapshot formerCounters() {
        return CountersSnapshot.read(Objects.requireNonNull(description).datapath().counters());
    }

    /** Whether the former owner has told all that it has done for its front-ends. */
    synchronized boolean isOwnerSettled() {
        return Objects.requireNonNull(datapath).topology().ports().stream()
            .noneMatch(port -> port instanceof VhostUserPort vhostUser && vhostUser.unsettled());
    }

    /** The former owner's threads that touch rings and connections; empty: unknown. */
    List<Integer> formerThreads() {
        return CountersSnapshot.ownerThreads(Objects.requireNonNull(description).datapath().counters());
    }

    /** Takes all lanes of an owner that is known to be dead; the caller has begun the succession. */
    Takeover seize() {
        Datapath taken = Objects.requireNonNull(datapath);
        taken.conductor().run(taken.topology()::forsakeUnsettled);
        LaneClaims claims = LaneClaims.none(taken);
        long askedNs = System.nanoTime();
        int recovered = claims.seizeLeft(formerCounters());
        Takeover takeover = settle(taken, claims, askedNs, recovered);
        taken.conductor().run(taken.topology()::refreshBackEnds);
        return takeover;
    }

    /** The lanes run here: front-ends are served, counters go on, agents move to their CPUs. */
    private Takeover settle(Datapath taken, LaneClaims claims, long askedNs, int recovered) {
        Description from = Objects.requireNonNull(description);
        succession().complete();
        taken.conductor().run(taken.topology()::serve);
        taken.conductor().call(() -> {
            FormerCounters counters = Objects.requireNonNull(taken.allCounters().former());
            taken.topology().ports().forEach(port -> port.carry(counters));
            taken.allCounters().forgetFormer();
            taken.agents().forEach(IncomingHandover::moveToCpu);
            return this;
        });
        from.datapath().counters().close();
        HandoverReport report = new HandoverReport(claims.blackouts(), askedNs - startedNs,
            Carried.of(from.ports(), from.wires(), from.datapath().attachments()), from.datapath().pid(), recovered);
        datapath = null;
        description = null;
        return new Takeover(taken, from.datapath().attachments(), report);
    }

    /** An agent whose CPU cannot be had here runs on any: it has lanes, and nobody else has them any more. */
    private static void moveToCpu(DatapathAgent agent) {
        try {
            agent.execute(agent::pin);
        } catch (SyscallException | DatapathException e) {
            System.getLogger(IncomingHandover.class.getPackageName()).log(System.Logger.Level.WARNING,
                agent.roleName() + " runs on any CPU: " + e.getMessage());
        }
    }

    private void confirm(LaneClaims claims) {
        try {
            faults.at(Edge.INCOMING_CONFIRM);
            HandoverMessages.sendConfirmed(channel, confirmedGeneration, claims.confirmations());
        } catch (HandoverException e) {
            // Nobody is left who wanted to know.
            return;
        }
    }

    /** Lets a datapath go that was built and not taken. */
    @Override
    public synchronized void close() {
        Datapath built = datapath;
        if (built != null) {
            datapath = null;
            built.abandon();
        }
        Description read = description;
        if (read != null) {
            description = null;
            read.close();
        }
    }
}
