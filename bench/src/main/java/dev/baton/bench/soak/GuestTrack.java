package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.vhostuser.ProtocolException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** One guest after the other at one vhost-user socket. */
final class GuestTrack extends Track {
    private static final int MEAN_GAP_MS = 400;
    private static final int BURST = 48;
    private static final int MESSAGE_MS = 100;
    private static final int SATED_OFFERS = 2;

    private final Path socket;
    private final List<Stream> streams;
    private final Arrivals arrivals;
    private final boolean sated;
    private final SoakPacket packet = new SoakPacket();
    private final int burstsPerSecond;
    private @Nullable GuestNic nic;
    private long torn;
    private long nextBurstNs;
    private boolean lazy;
    private int inFlight;
    private volatile int regions;
    private final AtomicInteger events = new AtomicInteger();

    /**
     * A guest.
     *
     * @param streams  those that it sends, by its queue pairs
     * @param arrivals those that it receives
     * @param sated    whether it offers few buffers, and none at rest: there is a frame for each
     */
    GuestTrack(String name, World world, Path socket, List<Stream> streams, Arrivals arrivals, boolean sated) {
        super(name, world, EventKind.Who.GUEST, MEAN_GAP_MS);
        this.socket = socket;
        this.streams = streams;
        this.arrivals = arrivals;
        this.sated = sated;
        this.burstsPerSecond = Math.max(1, world.options().rate() * 2 / BURST);
    }

    /** A step that may be refused. */
    private interface Step {
        void run() throws ProtocolException;
    }

    /** Changes what the back end knows of this guest. */
    private void change(Step step) {
        world().rest().change(() -> {
            try {
                step.run();
            } catch (ProtocolException e) {
                throw new BenchFailure(name() + ": " + e.getMessage(), e);
            }
        }, () -> live(1));
    }

    private GuestNic nic() {
        return java.util.Objects.requireNonNull(nic, "the guest is there");
    }

    @Override
    void begin() {
        change(() -> come(GuestShape.draw(streams.size(), random())));
    }

    @Override
    void happen(EventKind kind) {
        events.incrementAndGet();
        switch (kind) {
            case RECONNECT -> reconnect(true);
            case VANISH -> reconnect(false);
            case RESTART -> restart();
            case RESIZE -> resize();
            case NOTIFIERS -> replaceNotifiers();
            case DISABLE -> disable();
            case LAZY -> beLazy();
            case MEMORY -> changeMemory();
            case HOSTILE -> breach();
            default -> throw new AssertionError(kind);
        }
    }

    private void reconnect(boolean orderly) {
        int awayMs = random().nextInt(3) == 0 ? 0 : random().nextInt(400);
        GuestShape shape = GuestShape.draw(streams.size(), random());
        event(orderly ? EventKind.RECONNECT : EventKind.VANISH, "away for " + awayMs + " ms, then " + shape);
        change(() -> {
            GuestNic leaving = nic();
            if (orderly) {
                leaving.stop();
            } else {
                burst(leaving);
            }
            leaving.disconnect();
        });
        live(awayMs);
        change(() -> come(shape));
    }

    private void come(GuestShape shape) throws ProtocolException {
        GuestNic former = nic;
        GuestNic next = GuestNic.connect(socket, shape, streams);
        if (former != null) {
            // It was answered, so the rings of the one before are stopped.
            former.finish(arrivals);
            torn += former.torn();
            former.close();
        }
        nic = next;
        next.start();
    }

    private void restart() {
        int ring = random().nextInt(nic().rings());
        int ms = random().nextInt(150);
        event(EventKind.RESTART, "ring " + ring + " for " + ms + " ms");
        change(() -> nic().restart(ring, () -> live(ms)));
    }

    private void resize() {
        int ring = random().nextInt(nic().rings());
        GuestShape wanted = GuestShape.draw(streams.size(), random());
        int size = 16 << random().nextInt(6);
        event(EventKind.RESIZE, "ring " + ring + " to " + size);
        change(() -> {
            if (!nic().resize(ring, size, arrivals)) {
                nic().disconnect();
                come(wanted);
            }
        });
    }

    private void replaceNotifiers() {
        int ring = random().nextInt(nic().rings());
        event(EventKind.NOTIFIERS, "ring " + ring);
        change(() -> nic().replaceNotifiers(ring));
    }

    private void disable() {
        int ring = random().nextInt(nic().rings());
        int ms = random().nextInt(300);
        event(EventKind.DISABLE, "ring " + ring + " for " + ms + " ms");
        change(() -> nic().enable(ring, false));
        live(ms);
        change(() -> nic().enable(ring, true));
    }

    private void beLazy() {
        int ms = random().nextInt(600);
        event(EventKind.LAZY, ms + " ms");
        lazy = true;
        live(ms);
        lazy = false;
    }

    private void changeMemory() {
        boolean whole = random().nextBoolean();
        event(EventKind.MEMORY, (whole ? "SET_MEM_TABLE" : "ADD_MEM_REG or REM_MEM_REG") + ", regions "
            + nic().regions());
        change(() -> nic().changeMemory(whole));
    }

    private void breach() {
        List<GuestNic.Breach> breaches = List.of(GuestNic.Breach.values());
        GuestNic.Breach breach = breaches.get(random().nextInt(breaches.size()));
        int pair = random().nextInt(streams.size());
        GuestShape shape = GuestShape.draw(streams.size(), random());
        event(EventKind.HOSTILE, breach + " at pair " + pair + ", then " + shape);
        change(() -> {
            nic().breach(breach, pair, random());
            live(MESSAGE_MS);
            nic().disconnect();
            come(shape);
        });
    }

    @Override
    boolean step(boolean busy) {
        GuestNic present = nic;
        if (present == null || !present.isConnected()) {
            return false;
        }
        int offers = !sated ? Integer.MAX_VALUE : busy ? SATED_OFFERS : 0;
        int received = lazy ? 0 : present.receive(arrivals, offers);
        if (busy && System.nanoTime() - nextBurstNs > 0) {
            nextBurstNs = System.nanoTime() + 1_000_000_000L / burstsPerSecond;
            burst(present);
        }
        inFlight = present.reclaim();
        regions = present.regions();
        return !busy && received == 0 && inFlight == 0;
    }

    private void burst(GuestNic present) {
        for (int pair = 0; pair < streams.size(); pair++) {
            present.send(pair, traffic().nextInt(BURST + 1), traffic(), packet);
        }
    }

    @Override
    String state() {
        return inFlight + " frames of its own are not taken";
    }

    /** How often something has happened to it. */
    int events() {
        return events.get();
    }

    Tally tally() {
        return streams.stream().map(Stream::tally).reduce(Tally.NONE, Tally::plus);
    }

    /** Frames that were none of those that may arrive here, or not whole. */
    long strange() {
        GuestNic present = nic;
        return arrivals.strange() + torn + (present == null ? 0 : present.torn());
    }

    /** Memory regions that the back end has of the guest. */
    int regions() {
        return regions;
    }

    @Override
    public void close() {
        GuestNic present = nic;
        if (present != null) {
            present.close();
        }
        arrivals.close();
        packet.close();
    }
}
