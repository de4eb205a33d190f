package dev.baton.datapath;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Section;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/**
 * What a standby is told: the datapath, and once more whatever changed, before whoever asked for it is answered.
 *
 * <p>Theory of operation. What lies in a socket outlives the process that wrote it. So a change is known to the standby
 * as soon as its description lies there, whole: nobody waits for the standby to read it, let alone to prepare it. The
 * conductor writes it itself, before it answers the front-end's message, or at the end of its round for messages that
 * ask for no answer; several changes are one description then. While the standby reads, there is room. One that does
 * not holds the conductor up for {@value #PATIENCE_MS} ms, and is late from then on: the rest of the description, and
 * the newest one after it, are the link's own thread's to send, and until then the conductor waits for it no more.
 *
 * <pre>
 *                  first one              no room
 *                  confirmed              in time
 *      ATTACHING -------------> FOLLOWS -----------> LATE
 *                                  ^                   |
 *                                  '-------------------'     any failure, or the link's end ---> OVER
 *                                   the rest is written
 * </pre>
 */
final class StandbyFeed {
    /** How long the conductor waits for room in the channel. */
    private static final long PATIENCE_MS = 5;

    private final Datapath datapath;
    private final HandoverChannel channel;
    private final HandoverOptions options;
    private final int pid;
    private volatile State state = State.ATTACHING;
    private volatile @Nullable HandoverException failure;
    /** {@link Topology#changes} that the last description knew of which is written whole; the conductor's. */
    private long toldChanges;
    /** Of the description that was begun last; the conductor's once the first one is confirmed. */
    private long generation;
    /** When it became late; the conductor's. */
    private long lateSinceNs;
    /** The description that is not yet written whole while the standby is late. */
    private Outgoing.@Nullable Lent unwritten;

    private enum State { ATTACHING, FOLLOWS, LATE, OVER }

    StandbyFeed(Datapath datapath, HandoverChannel channel, HandoverOptions options, int pid) {
        this.datapath = datapath;
        this.channel = channel;
        this.options = options;
        this.pid = pid;
    }

    // ---- the link's thread

    /** Describes the datapath for the first time, and waits until the standby is ready. */
    void begin() throws HandoverException {
        generation = 1;
        Outgoing first = Outgoing.send(datapath, options, channel, generation);
        options.faults().at(Edge.STANDBY_ATTACH);
        HandoverMessages.awaitStep(channel, Section.STANDBY, generation, Standby.PATIENCE_MS);
        datapath.conductor().run(() -> {
            toldChanges = first.changes();
            state = State.FOLLOWS;
            tell();
        });
    }

    boolean isLate() {
        return state == State.LATE;
    }

    /** Writes on for a standby that is late. */
    void catchUp(long timeoutMs) {
        try {
            if (channel.flush(timeoutMs)) {
                datapath.conductor().run(() -> {
                    written();
                    tell();
                });
            }
        } catch (HandoverException e) {
            fail(e);
        }
    }

    private synchronized void written() {
        Outgoing.Lent whole = unwritten;
        if (whole != null && state == State.LATE) {
            unwritten = null;
            toldChanges = whole.description().changes();
            whole.close();
            state = State.FOLLOWS;
            log(Level.INFO, "the standby follows again");
        }
    }

    /** Why nothing more is told, unless the link has ended it. */
    @Nullable HandoverException failure() {
        return failure;
    }

    /** Nothing more is told. */
    synchronized void end() {
        state = State.OVER;
        if (unwritten != null) {
            unwritten.close();
            unwritten = null;
        }
    }

    // ---- the conductor's

    boolean isOver() {
        return state == State.OVER;
    }

    boolean isUpToDate() {
        return state == State.FOLLOWS && toldChanges == datapath.topology().changes();
    }

    /** Where the standby stands; null when it is over. */
    @Nullable StandbyStatus status() {
        return switch (state) {
            case ATTACHING -> new StandbyStatus(pid, StandbyStatus.State.ATTACHING, 0, 0);
            case FOLLOWS -> new StandbyStatus(pid, StandbyStatus.State.CURRENT, 0, 0);
            case LATE -> new StandbyStatus(pid, StandbyStatus.State.LATE, datapath.topology().changes() - toldChanges,
                System.nanoTime() - lateSinceNs);
            case OVER -> null;
        };
    }

    /** Describes what has changed; whether the standby knows everything. */
    boolean tell() {
        if (state != State.FOLLOWS || isUpToDate()) {
            return state == State.FOLLOWS;
        }
        try {
            options.faults().at(Edge.STANDBY_CHANGE);
            write(Outgoing.lend(datapath, options, channel.schemaVersion()));
            options.faults().at(Edge.STANDBY_TOLD);
        } catch (HandoverException e) {
            fail(e);
        }
        return isUpToDate();
    }

    private void fail(HandoverException why) {
        failure = why;
        end();
    }

    private void write(Outgoing.Lent lent) throws HandoverException {
        boolean late = false;
        try {
            generation++;
            channel.hold(() -> lent.description().send(channel, generation));
            late = !channel.flush(PATIENCE_MS);
            if (!late) {
                toldChanges = lent.description().changes();
            }
        } finally {
            if (!late) {
                lent.close();
            }
        }
        if (late) {
            beLate(lent);
        }
    }

    private synchronized void beLate(Outgoing.Lent lent) {
        if (state == State.OVER) {
            lent.close();
            return;
        }
        unwritten = lent;
        lateSinceNs = System.nanoTime();
        state = State.LATE;
        log(Level.WARNING, "the standby does not read what has changed: if this process died now, front-ends that have"
            + " changed something since would have to connect again");
    }

    private static void log(Level level, String what) {
        System.getLogger(StandbyFeed.class.getPackageName()).log(level, what);
    }
}
