package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Somebody who makes things happen, on a thread of its own: a guest, the kernel behind the TAP, who starts and kills
 * owners. What it does, one thing after the other, is decided by the seed and its name alone; how its things meet those
 * of the others is up to the machine.
 *
 * <p>Between two events it can be told to rest. It then does nothing of its own accord until the rest is over, and says
 * when it has come to that.
 */
abstract class Track implements AutoCloseable {
    private static final long NAP_NS = 300_000;
    private static final int JOIN_SECONDS = 90;

    private final String name;
    private final World world;
    private final List<EventKind> kinds;
    /** What has to happen once before chance decides. */
    private final Queue<EventKind> due;
    private final SplittableRandom random;
    private final SplittableRandom traffic;
    private final Thread thread;
    private final long meanGapNs;
    private long nextEventNs;
    private volatile boolean ended;
    private volatile boolean settled;
    private volatile @Nullable Throwable failure;

    Track(String name, World world, EventKind.Who who, int meanGapMs) {
        this.name = name;
        this.world = world;
        this.kinds = EventKind.of(who, world.options().without());
        this.random = new SplittableRandom(world.options().seed() * 31 + name.hashCode());
        this.due = new ArrayDeque<>(EventKind.onceEach(kinds, random));
        this.traffic = new SplittableRandom(world.options().seed() + name.hashCode());
        this.meanGapNs = TimeUnit.MILLISECONDS.toNanos(meanGapMs);
        this.thread = Thread.ofPlatform().daemon().name("soak-" + name).unstarted(this::run);
    }

    final void start() {
        nextEventNs = System.nanoTime() + gapNs();
        thread.start();
    }

    private long gapNs() {
        return (long) (meanGapNs * 2 * random.nextDouble());
    }

    private void run() {
        try {
            begin();
            while (!ended) {
                boolean resting = world.rest().isOn();
                if (!resting && !kinds.isEmpty() && System.nanoTime() - nextEventNs > 0) {
                    settled = false;
                    happen(due.isEmpty() ? EventKind.draw(kinds, random) : due.remove());
                    nextEventNs = System.nanoTime() + gapNs();
                }
                boolean quiet = step(!resting);
                settled = resting && quiet;
                LockSupport.parkNanos(NAP_NS);
            }
        } catch (Throwable e) { // It is what the main thread has to tell.
            failure = e;
            world.history().note(name, "failed: " + e);
        } finally {
            settled = false;
        }
    }

    /** Called once, before anything else. */
    void begin() {
    }

    /** Something happens, from its beginning to its end. */
    abstract void happen(EventKind kind);

    /**
     * A turn of the ordinary life.
     *
     * @param busy false: it rests, and sends nothing
     * @return whether nothing is under way any more
     */
    boolean step(boolean busy) {
        return !busy;
    }

    /** The ordinary life goes on for so long, in the middle of an event. */
    final void live(int ms) {
        long untilNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
        while (System.nanoTime() - untilNs < 0 && !ended) {
            step(true);
            LockSupport.parkNanos(NAP_NS);
        }
    }

    static void sleep(int ms) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(ms));
    }

    /** For what happens. */
    final SplittableRandom random() {
        return random;
    }

    /** For what is sent, of which there is as much as the machine lets through. */
    final SplittableRandom traffic() {
        return traffic;
    }

    final String name() {
        return name;
    }

    final World world() {
        return world;
    }

    final void event(EventKind kind, String details) {
        world.history().event(name, kind, details);
    }

    final boolean isSettled() {
        return settled;
    }

    /** Why it is at its end, or null. */
    final @Nullable Throwable failure() {
        return failure;
    }

    /** What it is waiting for when it does not settle. */
    String state() {
        return "in the middle of an event";
    }

    /** Ends the thread. */
    final void end() {
        ended = true;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(JOIN_SECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    /** Frees what it has, after its end. */
    @Override
    public void close() {
    }
}
