package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.datapath.CountersSnapshot;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Has everybody rest, and looks whether all is well: each frame accounted for, nothing leaked, nobody left behind. What
 * is held is compared with the first process of the same kind (started by {@code run}, {@code takeover}, {@code
 * standby}), for each begins with what the former one gave it.
 */
final class Audit {
    private static final int SETTLE_SECONDS = 150;
    private static final long QUIET_NS = TimeUnit.MILLISECONDS.toNanos(300);
    private static final int TRIES = 10;
    private static final int TRY_MS = 500;
    /** Frames that can be between a TAP and a packet socket when the interface goes down or comes up. */
    private static final int LINK_LOSS = 256;
    /** Frames that wait in a TAP queue at most, a new interface's default. */
    private static final int TAP_QUEUE = 1000;
    private static final long GROWTH_KIB = 48 << 10;
    private static final long HEAP_GROWTH = 24 << 20;

    private final World world;
    private final Map<String, Footprint> references = new HashMap<>();
    private long referenceHeap;
    private int kills;
    private int linkChanges;
    private int guestEvents;
    private int audits;

    Audit(World world) {
        this.world = world;
    }

    int audits() {
        return audits;
    }

    /** Everybody rests, is looked at, and goes on. */
    void take() {
        world.rest().begin();
        settle();
        List<String> problems = problems();
        for (int i = 0; i < TRIES && !problems.isEmpty(); i++) {
            // The owner may not have had the CPU for what the kernel still holds for it.
            Track.sleep(TRY_MS);
            problems = problems();
        }
        if (!problems.isEmpty()) {
            throw new BenchFailure(String.join("\n  ", problems));
        }
        kills = world.owners().kills();
        HostTrack host = world.host();
        linkChanges = host == null ? 0 : host.linkChanges();
        guestEvents = world.guestEvents();
        audits++;
        world.history().note("audit", "all is well");
        world.rest().end();
    }

    /** Fails when somebody has. */
    void checkAlive() {
        for (Track track : world.tracks()) {
            Throwable failure = track.failure();
            if (failure != null) {
                throw new BenchFailure(track.name() + ": " + (failure instanceof BenchFailure
                    ? failure.getMessage() : failure.toString()), failure);
            }
        }
    }

    private void settle() {
        long startNs = System.nanoTime();
        long settledNs = 0;
        while (settledNs == 0 || System.nanoTime() - settledNs < QUIET_NS) {
            checkAlive();
            boolean settled = world.tracks().stream().allMatch(Track::isSettled);
            settledNs = !settled ? 0 : settledNs == 0 ? System.nanoTime() : settledNs;
            if (System.nanoTime() - startNs > TimeUnit.SECONDS.toNanos(SETTLE_SECONDS)) {
                List<String> busy = world.tracks().stream().filter(track -> !track.isSettled())
                    .map(track -> track.name() + ": " + track.state()).toList();
                throw new BenchFailure("does not come to rest: " + String.join("; ", busy));
            }
            Track.sleep(5);
        }
    }

    private List<String> problems() {
        List<String> problems = new ArrayList<>(frames());
        EmbedderTrack embedder = world.embedder();
        if (embedder != null) {
            problems.addAll(embedder.problems());
        }
        problems.addAll(leaks());
        problems.addAll(world.owners().leftovers());
        return problems;
    }

    private List<String> frames() {
        CountersSnapshot counters = counters();
        long slack = (long) (world.owners().kills() - kills) * Direction.MOST_IN_A_BURST * world.options().queuePairs();
        HostTrack host = world.host();
        long lost = host == null ? 0 : (long) (host.linkChanges() - linkChanges) * LINK_LOSS;
        long detached = (long) (world.guestEvents() - guestEvents) * TAP_QUEUE;
        List<String> problems = new ArrayList<>();
        for (Direction direction : world.directions()) {
            problems.addAll(direction.balance(counters, slack, direction.isTo(World.TAP) ? lost : 0,
                direction.isFrom(World.TAP) ? detached : 0));
        }
        return problems;
    }

    private CountersSnapshot counters() {
        try (ControlClient client = ControlClient.connect(world.control());
             ControlReply reply = client.ask("counters")) {
            return CountersSnapshot.read(reply.descriptors().getFirst());
        } catch (IOException e) {
            throw new BenchFailure("Baton does not answer: " + e.getMessage(), e);
        }
    }

    private List<String> leaks() {
        Daemon owner = world.owners().owner();
        int regions = world.regions();
        List<String> problems = new ArrayList<>(compare("baton " + owner.role(), owner.pid(), regions));
        problems.addAll(compare("this harness", ProcessHandle.current().pid(), regions));
        System.gc();
        long heap = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
        referenceHeap = referenceHeap == 0 ? heap : referenceHeap;
        if (heap - referenceHeap > HEAP_GROWTH) {
            problems.add("this harness: heap of " + heap + " bytes, at the reference " + referenceHeap);
        }
        return problems;
    }

    private List<String> compare(String who, long pid, int regions) {
        Footprint reference = references.get(who);
        if (reference == null) {
            // What the audit itself has just asked may not be closed at the other end yet, and a reference lasts.
            Track.sleep(TRY_MS);
            references.put(who, Footprint.of(pid).withoutRegions(regions));
            return List.of();
        }
        Footprint now = Footprint.of(pid).withoutRegions(regions);
        List<String> problems = new ArrayList<>();
        now.differences(reference).forEach(words -> problems.add(who + ": " + words));
        if (now.residentKiB() - reference.residentKiB() > GROWTH_KIB) {
            problems.add(who + ": " + now.residentKiB() + " KiB of memory, at the reference "
                + reference.residentKiB());
        }
        return problems;
    }
}
