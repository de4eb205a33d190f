package dev.baton.datapath;

import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverMessages;
import dev.baton.handover.Section;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The active owner's side of a standby, from its HELLO until either of them goes; what it is told is the
 * {@link StandbyFeed}'s. A standby that goes is no loss; the owner that goes in order says so, for all that the standby
 * sees of one that does not is that it is gone.
 */
final class StandbyLink {
    private static final int LOOK_MS = 20;
    private static final long GOODBYE_TIMEOUT_MS = 2_000;

    private final Datapath datapath;
    private final HandoverChannel channel;
    private final HandoverOptions options;
    private final CountDownLatch finished = new CountDownLatch(1);
    private volatile @Nullable Goodbye goodbye;

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

    /** Serves the standby, whose process is {@code pid}. */
    void run(int pid) throws HandoverException {
        StandbyFeed feed = new StandbyFeed(datapath, channel, options, pid);
        try {
            datapath.conductor().run(() -> datapath.conductor().standbys().add(feed));
            feed.begin();
            follow(feed);
        } catch (DatapathException e) {
            // The datapath ended under our hands.
            sayGoodbye();
        } finally {
            feed.end();
        }
    }

    private void follow(StandbyFeed feed) throws HandoverException {
        try {
            while (goodbye == null) {
                HandoverException failure = feed.failure();
                // One that has gone may have said why: that is heard below.
                if (failure != null && failure.kind() != HandoverError.PEER_GONE) {
                    throw failure;
                }
                if (feed.isLate()) {
                    feed.catchUp(LOOK_MS);
                } else if (channel.awaitInput(LOOK_MS)) {
                    // Which description it is ready for, or why it goes.
                    HandoverMessages.awaitStep(channel, Section.STANDBY, options.timeoutMs());
                }
            }
            sayGoodbye();
        } catch (HandoverException e) {
            // One that says nothing at all has simply gone.
            if (e.kind() != HandoverError.PEER_GONE) {
                throw e;
            }
        }
    }

    private void sayGoodbye() throws HandoverException {
        if (goodbye == Goodbye.MOVED) {
            HandoverMessages.sendStep(channel, Section.MOVED, 0);
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
