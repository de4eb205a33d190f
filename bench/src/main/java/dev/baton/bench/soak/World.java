package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.datapath.CountersSnapshot;
import dev.baton.datapath.PortStats;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A datapath under soak, and everybody around it.
 *
 * <pre>
 *   guest vm0 ---- vm0=vm1 ---- guest vm1, for whom frames are joined
 *   guest vm2 ---- vm2=tap0 --- the kernel, in a namespace of its own
 *   guest vm3 ---- vm3=loop0 -- itself
 *   guest vm4 ---- vm4=null0 -- nobody, who sends all the same
 *   cutter ------- cutter=null1 nobody, of whose frames there is no account
 * </pre>
 */
final class World implements AutoCloseable {
    static final String TAP = "tap0";
    private static final String LOOPBACK = "loop0";
    private static final String NULL = "null0";
    /** Whose guests cut their memory short. */
    static final String CUTTER = "cutter";
    private static final String NULL_OF_CUTTER = "null1";
    private static final int NULL_OF_CUTTER_BYTES = 60;
    /** Guests that frames are joined for. */
    private static final List<Integer> JOINING = List.of(1, 2);
    private static final List<Integer> NULL_BYTES = List.of(60, 61, 1514, 4000, 9014);

    private final SoakOptions options;
    private final History history;
    private final Rest rest = new Rest();
    private final Path folder;
    private final Thread hook = new Thread(this::killAll, "cleanup");
    private final List<Track> tracks = new ArrayList<>();
    private final List<GuestTrack> guests = new ArrayList<>();
    private final List<Direction> directions = new ArrayList<>();
    private final OwnerTrack owners;
    private @Nullable Fd namespace;
    private @Nullable HostTrack host;
    private @Nullable EmbedderTrack embedder;
    private final int nullBytes;
    private int streams;
    private @Nullable GuestTrack guestOfTap;

    private World(SoakOptions options, History history, Path folder) {
        this.options = options;
        this.history = history;
        this.folder = folder;
        Runtime.getRuntime().addShutdownHook(hook);
        nullBytes = NULL_BYTES.get(Math.floorMod(options.seed(), NULL_BYTES.size()));
        List<String> arguments = new ArrayList<>();
        for (int i = 0; i <= 4; i++) {
            if (i != 2 || options.tap()) {
                arguments.addAll(List.of("--port", "vhost-user:vm" + i + ",path=" + socket(i) + ",queues="
                    + options.queuePairs() + (JOINING.contains(i) ? ",coalesce=on" : "")));
            }
        }
        arguments.addAll(List.of("--wire", "vm0=vm1", "--wire", "vm3=" + LOOPBACK, "--wire", "vm4=" + NULL));
        arguments.addAll(List.of("--port", "loopback:" + LOOPBACK + ",queues=" + options.queuePairs()));
        arguments.addAll(List.of("--port", "null:" + NULL + ",queues=" + options.queuePairs() + ",send=" + nullBytes));
        arguments.addAll(List.of("--port", "vhost-user:" + CUTTER + ",path=" + folder.resolve(CUTTER) + ",queues="
            + options.queuePairs(), "--port", "null:" + NULL_OF_CUTTER + ",queues=" + options.queuePairs() + ",send="
            + NULL_OF_CUTTER_BYTES, "--wire", CUTTER + "=" + NULL_OF_CUTTER));
        if (options.tap()) {
            arguments.addAll(List.of("--port", "tap:" + TAP + ",netns=" + openNamespace(), "--wire", "vm2=" + TAP));
        }
        // Two agents, so that there is somewhere to move to; on one CPU they share it.
        arguments.addAll(List.of("--cpus", Runtime.getRuntime().availableProcessors() > 1 ? "0,1" : "0"));
        owners = new OwnerTrack(this, control(), arguments);
    }

    /** Starts Baton, and makes everybody around it, who begin with {@link #start}. */
    static World create(SoakOptions options, History history) {
        World world;
        try {
            world = new World(options, history, Files.createTempDirectory("baton-soak"));
        } catch (IOException e) {
            throw new BenchFailure("there is no room for sockets: " + e.getMessage(), e);
        }
        world.populate();
        return world;
    }

    private void populate() {
        tracks.add(owners);
        guestsOfOneWire();
        Fd space = namespace;
        if (space != null) {
            guestAndHost(space);
        }
        guestOfLoopback();
        guestOfNull();
        tracks.add(new CutterTrack(CUTTER, this, folder.resolve(CUTTER), streams(CUTTER),
            new NullArrivals(stream(NULL_OF_CUTTER), NULL_OF_CUTTER_BYTES)));
        tracks.add(new ClientTrack(this, control()));
        embedder = new EmbedderTrack(this, stream("embedded"));
        tracks.add(embedder);
    }

    private void guestsOfOneWire() {
        List<Stream> there = streams("vm0");
        List<Stream> back = streams("vm1");
        GuestTrack left = new GuestTrack("vm0", this, socket(0), there, new Arrivals(back, true), false);
        GuestTrack right = new GuestTrack("vm1", this, socket(1), back, new Arrivals(there, true), false);
        guests.addAll(List.of(left, right));
        tracks.addAll(guests);
        directions.add(new Direction("vm0", "vm1", _ -> Direction.Sides.of(left.tally(), right.strange())));
        directions.add(new Direction("vm1", "vm0", _ -> Direction.Sides.of(right.tally(), left.strange())));
    }

    private void guestAndHost(Fd space) {
        List<Stream> up = streams("vm2");
        Stream down = stream(TAP);
        GuestTrack guest = new GuestTrack("vm2", this, socket(2), up, new Arrivals(List.of(down), false), false);
        HostTrack far = new HostTrack(this, space, TAP, down, up);
        guests.add(guest);
        guestOfTap = guest;
        tracks.addAll(List.of(guest, far));
        host = far;
        directions.add(new Direction("vm2", TAP, _ -> {
            Tally tally = guest.tally();
            // The kernel counts what several came as.
            long arrived = far.counters().received() + tally.joined() - tally.runs();
            return new Direction.Sides(tally, tally.taken(), 0, arrived, far.strange());
        }));
        directions.add(new Direction(TAP, "vm2", _ -> {
            Tally tally = far.tally();
            Interface counted = far.counters();
            return new Direction.Sides(tally, counted.sent(), counted.notSent(),
                tally.arrived(), guest.strange());
        }));
    }

    /** What it sends comes back; who counts in between is Baton alone. */
    private void guestOfLoopback() {
        List<Stream> around = streams("vm3");
        GuestTrack guest = new GuestTrack("vm3", this, socket(3), around, new Arrivals(around, true), false);
        guests.add(guest);
        tracks.add(guest);
        directions.add(new Direction("vm3", LOOPBACK, counters -> {
            Tally tally = guest.tally();
            long back = port(counters, LOOPBACK).rx().frames();
            return new Direction.Sides(tally.sent(back), tally.taken(), 0, back, 0);
        }));
        directions.add(new Direction(LOOPBACK, "vm3", counters -> {
            Tally tally = guest.tally();
            long given = port(counters, LOOPBACK).tx().frames();
            return new Direction.Sides(new Tally(given, given, 0, tally.received(), tally.repeated(),
                tally.reordered(), tally.damaged(), 0, 0, 0, 0, 0), given, 0, tally.arrived(), guest.strange());
        }));
    }

    private void guestOfNull() {
        List<Stream> away = streams("vm4");
        Stream down = stream(NULL);
        GuestTrack guest = new GuestTrack("vm4", this, socket(4), away, new NullArrivals(down, nullBytes), true);
        guests.add(guest);
        tracks.add(guest);
        directions.add(new Direction("vm4", NULL, counters -> {
            Tally tally = guest.tally();
            long dropped = port(counters, NULL).tx().frames();
            return new Direction.Sides(tally.sent(dropped), tally.taken(), 0, dropped, 0);
        }));
        directions.add(new Direction(NULL, "vm4", counters -> {
            long sent = port(counters, NULL).rx().frames();
            Tally tally = down.tally();
            return new Direction.Sides(Tally.of(sent, tally.received(), tally.damaged()), sent, 0, tally.received(),
                guest.strange());
        }));
    }

    private static PortStats port(CountersSnapshot counters, String name) {
        return Objects.requireNonNull(counters.ports().get(name), name);
    }

    private List<Stream> streams(String name) {
        List<Stream> made = new ArrayList<>();
        for (int pair = 0; pair < options.queuePairs(); pair++) {
            made.add(stream(name + "." + pair));
        }
        return made;
    }

    private Stream stream(String name) {
        return new Stream(streams++, name);
    }

    private String openNamespace() {
        Fd made = NetworkNamespace.create();
        namespace = made;
        NetworkNamespace.call(made, (Supplier<Path>) () -> {
            try {
                return Files.writeString(Path.of("/proc/sys/net/ipv6/conf/default/disable_ipv6"), "1");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + made.value();
    }

    void start() {
        tracks.forEach(Track::start);
    }

    /** Ends all but Baton. */
    void end() {
        tracks.forEach(Track::end);
        tracks.stream().filter(track -> track != owners).forEach(Track::close);
    }

    SoakOptions options() {
        return options;
    }

    History history() {
        return history;
    }

    Rest rest() {
        return rest;
    }

    List<Track> tracks() {
        return tracks;
    }

    List<Direction> directions() {
        return directions;
    }

    OwnerTrack owners() {
        return owners;
    }

    @Nullable HostTrack host() {
        return host;
    }

    @Nullable EmbedderTrack embedder() {
        return embedder;
    }

    /** Things that have happened to the guest at the TAP, each of which may have detached TAP queues. */
    int guestEvents() {
        GuestTrack guest = guestOfTap;
        return guest == null ? 0 : guest.events();
    }

    /** Memory regions of all guests. */
    int regions() {
        return guests.stream().mapToInt(GuestTrack::regions).sum();
    }

    /** The vhost-user ports. */
    List<String> ports() {
        return guests.stream().map(Track::name).toList();
    }

    Path control() {
        return folder.resolve("control");
    }

    private Path socket(int guest) {
        return folder.resolve("vm" + guest);
    }

    Path folder() {
        return folder;
    }

    /** Whether the TAP is still there. */
    boolean hasTap() {
        Fd space = namespace;
        return space != null && NetworkNamespace.call(space, () -> dev.baton.ffi.NetDevice.exists(TAP));
    }

    private void killAll() {
        owners.started().forEach(Daemon::kill);
        remove();
    }

    private void remove() {
        try (java.util.stream.Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        owners.close();
        Runtime.getRuntime().removeShutdownHook(hook);
        remove();
        Fd space = namespace;
        if (space != null) {
            space.close();
        }
    }
}
