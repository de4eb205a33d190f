package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.handover.DescriptionReader;
import dev.baton.handover.Edge;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Hello;
import dev.baton.handover.Received;
import dev.baton.handover.Section;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A process that holds everything ready to go on when the owner of a datapath dies.
 *
 * <p>Theory of operation. It holds duplicates of all the owner's descriptors, so that no front-end sees a disconnect
 * and no TAP goes when the owner does; and a datapath built from the owner's last description, next to it, with its
 * code warmed up. Every change brings a new description, which lies in the channel before the front-end that asked for
 * the change is answered ({@link StandbyFeed}); it is read at once, and prepared as soon as the one before it is
 * ({@link Follower}). It watches the channel and the owner's threads, which end when
 * the owner dies, and the owner's heartbeats, which cease when it is stuck. Either way it ends the owner's process, and
 * makes sure by pidfd that nothing of it is left that could touch a ring or a descriptor, before it touches anything:
 * two owners at a time is the one thing that must not be. An incoming owner that was taking over when the owner died
 * has precedence, as long as it lives: {@link Succession}. Then it reads what the owner has left in the channel,
 * prepares the last description of it that is whole, and ends the connections of front-ends with whose messages the
 * owner died in its hands ({@link VhostUserPort}): they connect again. Then it takes the epoch of every lane and goes
 * on from where the guests' own rings stand: of the burst that the owner died in, at most that burst is lost or
 * repeated.
 */
public final class Standby implements AutoCloseable {
    static final String ENDED_IN_ORDER = "the active Baton was told to end";
    /** Preparing next to a busy owner may take a while. */
    static final long PATIENCE_MS = 60_000;

    private static final int LOOK_MS = 50;
    /** The frames' part of a seizure is rehearsed so much more often than the part that is done once. */
    private static final int REHEARSALS_RATIO = 3_000;

    private final HandoverChannel channel;
    private final HandoverOptions options;
    private final IncomingHandover incoming;
    private final Fence fence;
    private final int ownerPid;

    private Standby(HandoverChannel channel, HandoverOptions options, int ownerPid, Fence fence, long startedNs) {
        this.channel = channel;
        this.options = options;
        this.ownerPid = ownerPid;
        this.fence = fence;
        this.incoming = new IncomingHandover(channel, fence, options, startedNs, true);
    }

    /** How the wait of a standby ended. */
    public sealed interface Ending {
        /**
         * The owner died, or was stuck and has been ended: the datapath runs here.
         *
         * @param takeover the datapath and what it took
         */
        record Seized(Takeover takeover) implements Ending {
        }

        /** Another process has the datapath, or its owner has ended it and was not heard: attach to who is there. */
        record Relieved() implements Ending {
        }

        /** The owner ended in order, and the datapath with it. */
        record Ended() implements Ending {
        }
    }

    /**
     * Attaches to the owner of a datapath, which calls {@link Datapath#standBy} on the other end of the channel, and
     * returns when everything is ready.
     *
     * @param socket  a connected UNIX stream socket, closed by this call or with the standby
     * @param options global switch and profile must be those of the owner
     * @throws HandoverException naming the section and the reason; the owner goes on
     */
    public static Standby attach(Fd socket, HandoverOptions options) throws HandoverException {
        HandoverChannel channel = HandoverChannel.over(socket, options.faults(), options.timeoutMs());
        long startedNs = System.nanoTime();
        Standby standby = null;
        try {
            options.faults().at(Edge.STANDBY_ATTACH);
            Hello owner = options.hello(Hello.Purpose.STANDBY).exchange(channel, options.timeoutMs());
            standby = new Standby(channel, options, owner.pid(), Fence.aroundPeer(owner.pid()), startedNs);
            standby.prepare();
            return standby;
        } catch (HandoverException e) {
            HandoverMessages.refuse(channel, e);
            if (standby != null) {
                standby.close();
            }
            channel.close();
            throw e;
        }
    }

    /** A standby for an owner that only plays one, and is dead as soon as its channel closes. */
    static Standby rehearsing(HandoverChannel channel, HandoverOptions options) {
        return new Standby(channel, options, 0, Fence.ended(), System.nanoTime());
    }

    /** Builds the datapath of the owner's description. */
    void learn() throws HandoverException {
        incoming.prepare(DescriptionReader.read(channel, PATIENCE_MS));
    }

    private void prepare() throws HandoverException {
        learn();
        fence.narrow(incoming.formerThreads());
        Rehearsal.run(options.rehearsals(), () -> fence.hasEnded(0));
        DressRehearsal.run(options.rehearsals() / REHEARSALS_RATIO, options);
        options.faults().at(Edge.STANDBY_READY);
        HandoverMessages.sendStep(channel, Section.STANDBY, incoming.generation());
    }

    /** The process that is stood by for. */
    public int ownerPid() {
        return ownerPid;
    }

    /** How many ports the datapath has of which everything is ready. */
    int ports() {
        return incoming.ports();
    }

    /** Whether the owner has no message of a front-end's in its hands, and has told all that came of those before. */
    boolean isOwnerSettled() {
        return incoming.isOwnerSettled();
    }

    /**
     * Waits for the owner's end. Call it once; then close the standby.
     *
     * @param heartbeatTimeoutMs an owner without a heartbeat for so long is stuck, and is ended
     * @throws HandoverException when the standby cannot go on, or could not end a stuck owner
     */
    public Ending await(long heartbeatTimeoutMs) throws HandoverException {
        try (Follower follower = new Follower(incoming, channel); Vigil vigil = new Vigil(channel, fence)) {
            while (true) {
                HandoverException failure = follower.failure();
                Ending ending = failure != null ? ending(failure, follower) : switch (vigil.await(LOOK_MS)) {
                    case WORD -> hear(follower);
                    case END -> seize(follower);
                    case NOTHING -> isStuck(heartbeatTimeoutMs) ? seize(follower) : null;
                };
                if (ending != null) {
                    return ending;
                }
            }
        }
    }

    private @Nullable Ending hear(Follower follower) throws HandoverException {
        try {
            return listen(follower);
        } catch (HandoverException e) {
            return ending(e, follower);
        }
    }

    private @Nullable Ending listen(Follower follower) throws HandoverException {
        Received next = channel.receive(options.timeoutMs(), Section.DATAPATH, Section.MOVED);
        if (next.section() == Section.MOVED) {
            next.close();
            return new Ending.Relieved();
        }
        follower.follow(DescriptionReader.readAfter(next, channel, options.timeoutMs()));
        return null;
    }

    private Ending ending(HandoverException problem, Follower follower) throws HandoverException {
        if (isEndInOrder(problem)) {
            return new Ending.Ended();
        }
        if (isSilence(problem) && fence.hasEnded(Fence.DEATH_TIMEOUT_MS)) {
            return seize(follower);
        }
        if (problem.kind() != HandoverError.CLOSED) {
            HandoverMessages.refuse(channel, problem);
        }
        throw problem;
    }

    private static boolean isEndInOrder(HandoverException problem) {
        return problem.kind() == HandoverError.REFUSED && problem.reason().contains(ENDED_IN_ORDER);
    }

    private static boolean isSilence(HandoverException problem) {
        return switch (problem.kind()) {
            case PEER_GONE, TRUNCATED, TIMEOUT, SOCKET_FAILED -> true;
            default -> false;
        };
    }

    /**
     * Hears all that an owner has said that says nothing more. A last description that did not come whole is none: what
     * it would have told nobody has been answered for.
     */
    private @Nullable Ending hearLastWords(Follower follower) throws HandoverException {
        try {
            Ending ending = null;
            while (ending == null && channel.awaitInput(0)) {
                ending = listen(follower);
            }
            return ending;
        } catch (HandoverException e) {
            if (isEndInOrder(e)) {
                return new Ending.Ended();
            }
            // The end of the channel, or it was heard before.
            if (isSilence(e) || e.kind() == HandoverError.CLOSED) {
                return null;
            }
            throw e;
        }
    }

    private boolean isStuck(long heartbeatTimeoutMs) {
        long nowNs = System.nanoTime();
        return incoming.formerCounters().agents().stream().anyMatch(agent ->
            agent.aliveNs() != 0 && nowNs - agent.aliveNs() > TimeUnit.MILLISECONDS.toNanos(heartbeatTimeoutMs));
    }

    private Ending seize(Follower follower) throws HandoverException {
        options.faults().at(Edge.STANDBY_FENCE);
        fence.end();
        Ending last = hearLastWords(follower);
        if (last != null) {
            return last;
        }
        follower.finish();
        options.faults().at(Edge.STANDBY_CLAIM);
        Succession succession = incoming.succession();
        while (!succession.begin()) {
            if (succession.isOver()) {
                return new Ending.Relieved();
            }
            awaitClaimant(succession);
        }
        return new Ending.Seized(incoming.seize());
    }

    /** The owner died in the middle of a handover: its claimant goes on with the lanes, unless it dies as well. */
    private static void awaitClaimant(Succession succession) {
        int claimant = succession.claimant();
        if (claimant != 0) {
            try (Fence other = Fence.of(claimant)) {
                if (other.hasEnded(LOOK_MS)) {
                    succession.evict(claimant);
                }
            } catch (HandoverException e) {
                // Nobody can tell at the moment, and the lanes wait for somebody.
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOOK_MS));
            }
        }
    }

    /** Ends {@link #await} with an exception; any thread. */
    public void stop() {
        channel.interrupt();
    }

    @Override
    public void close() {
        incoming.close();
        channel.close();
        fence.close();
    }
}
