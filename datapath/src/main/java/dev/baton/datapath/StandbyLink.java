package dev.baton.datapath;

import dev.baton.handover.Edge;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Section;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The active owner's side of a standby: describes the datapath, and once more whenever something in the description
 * has changed, until either of them goes. A standby that goes is no loss; the owner that goes in order says so, for all
 * that the standby sees of one that does not is that it is gone.
 */
final class StandbyLink {
    private static final int LOOK_MS = 20;
    private static final long GOODBYE_TIMEOUT_MS = 2_000;

    private final Datapath datapath;
    private final HandoverChannel channel;
    private final HandoverOptions options;
    private final CountDownLatch finished = new CountDownLatch(1);
    private volatile boolean changed;
    private volatile @Nullable Goodbye goodbye;
    private long generation;

    /** Why the owner is the owner no more. */
    enum Goodbye {
        /** It ended in order, and the datapath with it. */
        ENDED,
        /** Another owner has the datapath. */
        MOVED
    }

    StandbyLink(Datapath datapath, HandoverChannel channel, HandoverOptions options) {
        this.datapath = datapath;
        this.channel = channel;
        this.options = options;
    }

    void run() throws HandoverException {
        Runnable listener = () -> changed = true;
        datapath.conductor().run(() -> datapath.topology().onChange(listener));
        try {
            describe();
            while (goodbye == null) {
                if (channel.awaitInput(LOOK_MS)) {
                    hearWhyItGoes();
                    return;
                }
                if (changed && goodbye == null) {
                    describe();
                }
            }
            sayGoodbye();
        } catch (DatapathException e) {
            // The datapath ended under our hands.
            sayGoodbye();
        } finally {
            if (goodbye == null) {
                datapath.conductor().run(() -> datapath.topology().removeChangeListener(listener));
            }
        }
    }

    /** A standby has nothing to say but that it goes; one that says nothing at all has simply gone. */
    private void hearWhyItGoes() throws HandoverException {
        try {
            channel.receive(options.timeoutMs(), Section.STANDBY).close();
        } catch (HandoverException e) {
            if (e.kind() != HandoverError.PEER_GONE) {
                throw e;
            }
        }
    }

    private void describe() throws HandoverException {
        changed = false;
        generation++;
        Outgoing.send(datapath, options, channel, generation);
        options.faults().at(Edge.STANDBY_ATTACH);
        HandoverMessages.awaitStep(channel, Section.STANDBY, generation, Standby.PATIENCE_MS);
    }

    private void sayGoodbye() throws HandoverException {
        if (goodbye == Goodbye.MOVED) {
            HandoverMessages.sendStep(channel, Section.MOVED, generation);
        } else {
            HandoverMessages.refuse(channel, Section.STANDBY.label(), Standby.ENDED_IN_ORDER);
        }
    }

    /** The datapath ends here: the standby is told before it could take that for a crash. */
    void end(Goodbye why) {
        goodbye = why;
        try {
            if (!finished.await(GOODBYE_TIMEOUT_MS, TimeUnit.MILLISECONDS)) {
                channel.close();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    void finished() {
        finished.countDown();
    }
}
