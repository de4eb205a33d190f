package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A datapath under soak, and everybody around it.
 *
 * <pre>
 *   guest vm0 ---- vm0=vm1 ---- guest vm1
 *   guest vm2 ---- vm2=tap0 --- the kernel, in a namespace of its own
 * </pre>
 */
final class World implements AutoCloseable {
    static final String TAP = "tap0";

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
    private int streams;

    private World(SoakOptions options, History history, Path folder) {
        this.options = options;
        this.history = history;
        this.folder = folder;
        Runtime.getRuntime().addShutdownHook(hook);
        List<String> arguments = new ArrayList<>();
        for (int i = 0; i < (options.tap() ? 3 : 2); i++) {
            arguments.addAll(List.of("--port", "vhost-user:vm" + i + ",path=" + socket(i) + ",queues="
                + options.queuePairs()));
        }
        arguments.addAll(List.of("--wire", "vm0=vm1"));
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
        tracks.add(new ClientTrack(this, control()));
        embedder = new EmbedderTrack(this, stream("embedded"));
        tracks.add(embedder);
    }

    private void guestsOfOneWire() {
        List<Stream> there = streams("vm0");
        List<Stream> back = streams("vm1");
        GuestTrack left = new GuestTrack("vm0", this, socket(0), there, new Arrivals(back, true));
        GuestTrack right = new GuestTrack("vm1", this, socket(1), back, new Arrivals(there, true));
        guests.addAll(List.of(left, right));
        tracks.addAll(guests);
        directions.add(new Direction("vm0", "vm1", () -> Direction.Sides.of(left.tally(), right.strange())));
        directions.add(new Direction("vm1", "vm0", () -> Direction.Sides.of(right.tally(), left.strange())));
    }

    private void guestAndHost(Fd space) {
        List<Stream> up = streams("vm2");
        Stream down = stream(TAP);
        GuestTrack guest = new GuestTrack("vm2", this, socket(2), up, new Arrivals(List.of(down), false));
        HostTrack far = new HostTrack(this, space, TAP, down, up);
        guests.add(guest);
        tracks.addAll(List.of(guest, far));
        host = far;
        directions.add(new Direction("vm2", TAP, () -> {
            Tally tally = guest.tally();
            return new Direction.Sides(tally, tally.taken(), 0, far.counters().received(), far.strange());
        }));
        directions.add(new Direction(TAP, "vm2", () -> {
            Tally tally = far.tally();
            Interface counted = far.counters();
            return new Direction.Sides(tally, counted.sent(), counted.notSent(),
                tally.received() + tally.repeated(), guest.strange());
        }));
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

    /** Things that have happened to guests, each of which may have detached TAP queues. */
    int guestEvents() {
        return guests.stream().mapToInt(GuestTrack::events).sum();
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
