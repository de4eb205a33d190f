package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.vhostuser.ProtocolException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Guests that cut their memory short at any moment, also when the owner is changing. They have a wire of their own, to
 * a null port that sends them all they take: what becomes of their frames nobody can know, so nothing of it is counted.
 * All that is asked is that each of them loses its connection, and that nobody else notices.
 */
final class CutterTrack extends Track {
    private static final int MEAN_GAP_MS = 1000;
    private static final int BURST = 4;
    private static final int OFFERS = 8;
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(60);
    private static final int LOOK_MS = 5;

    private final Path socket;
    private final List<Stream> streams;
    private final Arrivals arrivals;
    private final SoakPacket packet = new SoakPacket();
    private @Nullable GuestNic nic;

    CutterTrack(String name, World world, Path socket, List<Stream> streams, Arrivals arrivals) {
        super(name, world, EventKind.Who.CUTTER, MEAN_GAP_MS);
        this.socket = socket;
        this.streams = streams;
        this.arrivals = arrivals;
    }

    @Override
    void happen(EventKind kind) {
        GuestNic present = nic == null ? come() : nic;
        live(random().nextInt(20));
        long bytes = random().nextBoolean() ? 0 : random().nextInt(GuestNic.MOST_LEFT);
        event(kind, "all but " + bytes + " bytes");
        // An owner that is to die in a takeover shall not be refused the takeover.
        world().rest().change(() -> present.cutMemory(bytes), () -> sleep(1));
        long startNs = System.nanoTime();
        while (present.isServed()) {
            if (System.nanoTime() - startNs > PATIENCE_NS) {
                throw new BenchFailure(name() + " has cut its memory, and nobody minds");
            }
            sleep(LOOK_MS);
        }
        leave(present);
    }

    private GuestNic come() {
        GuestShape shape = GuestShape.draw(streams.size(), random());
        world().rest().change(() -> {
            try {
                GuestNic next = GuestNic.connect(socket, shape, streams);
                nic = next;
                next.start();
            } catch (ProtocolException e) {
                throw new BenchFailure(name() + ": " + e.getMessage(), e);
            }
        }, () -> sleep(1));
        return java.util.Objects.requireNonNull(nic, "it has just come");
    }

    private void leave(GuestNic leaving) {
        nic = null;
        leaving.close();
    }

    @Override
    boolean step(boolean busy) {
        GuestNic present = nic;
        if (present != null && !busy) {
            leave(present);
        } else if (present != null) {
            present.receive(arrivals, OFFERS);
            for (int pair = 0; pair < streams.size(); pair++) {
                present.send(pair, traffic().nextInt(BURST + 1), traffic(), packet);
            }
            present.reclaim();
        }
        return !busy;
    }

    @Override
    public void close() {
        GuestNic present = nic;
        if (present != null) {
            leave(present);
        }
        arrivals.close();
        packet.close();
    }
}
