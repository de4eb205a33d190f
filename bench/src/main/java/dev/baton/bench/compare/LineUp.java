package dev.baton.bench.compare;

import dev.baton.ffi.NetDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/** Who takes turns in a scene. */
final class LineUp {
    /** Of clients and of senders. */
    static final int CLIENT_CPU = 0;
    /** Of what is measured. */
    static final int BACK_END_CPU = 1;
    /** Of what is not to be bound, as taskset(1) takes them. */
    static final String BOTH_CPUS = CLIENT_CPU + "," + BACK_END_CPU;

    /** As many buffers as the clients' rings have. */
    private static final int RING = 1024;
    /** Of a loop in C: one that stays in the core's cache, or a ring of them. */
    private static final int[] BUFFERS = {1, RING};
    /** To the back end and from it, for each port. */
    private static final int WAYS = 4;

    private final Bench bench;
    private final Scene scene;
    private final Sides sides;

    private LineUp(Bench bench, Scene scene, Sides sides) {
        this.bench = bench;
        this.scene = scene;
        this.sides = sides;
    }

    /** What starts them; Baton's is the first. */
    static List<Supplier<Contender>> of(Bench bench, Scene scene, Sides sides) {
        LineUp lineUp = new LineUp(bench, scene, sides);
        List<Supplier<Contender>> all = new ArrayList<>();
        switch (scene.kind()) {
            case TCP -> lineUp.addTransfers(all);
            case GUEST_RECEIVES, GUEST_SENDS -> lineUp.addGuests(all);
            default -> lineUp.addForwarders(all);
        }
        return all;
    }

    private void addForwarders(List<Supplier<Contender>> all) {
        all.add(() -> forwarder("Baton", "baton", baton("baton")));
        all.add(() -> forwarder(sides.peerName(), "peer", peer("peer")));
        if (sides.against() == null) {
            addLimits(all);
        }
    }

    private void addLimits(List<Supplier<Contender>> all) {
        switch (scene.kind()) {
            case LOOP, FLOWGEN, DROP, SEND -> {
                all.add(() -> new CopyLimit(scene.frameBytes(), BACK_END_CPU));
                all.add(LineLimit::oneWay);
            }
            case TO_TAP, FLOW_TO_TAP -> withLoop(loop -> {
                for (int buffers : BUFFERS) {
                    all.add(() -> TapLoop.writing(bench, loop, scene, buffers, BACK_END_CPU));
                }
                all.add(() -> TapLoop.passing(bench, loop, scene, RING, BACK_END_CPU, CLIENT_CPU));
            });
            case FROM_TAP -> withLoop(loop -> {
                for (int buffers : BUFFERS) {
                    all.add(() -> TapLoop.reading(bench, loop, buffers, BACK_END_CPU,
                        tap -> Guest.sender(bench, scene, tap, network(tap), CLIENT_CPU)));
                }
            });
            case LATENCY -> all.add(() -> LineLimit.ways(WAYS));
            default -> { }
        }
    }

    private void addTransfers(List<Supplier<Contender>> all) {
        all.add(() -> transfer("Baton", "baton", (left, right) ->
            BatonBackEnd.startTaps(sides.launcher(), "baton", bench, left, right, BACK_END_CPU)));
        Path against = sides.against();
        if (against != null) {
            all.add(() -> transfer(sides.peerName(), "peer", (left, right) ->
                BatonBackEnd.startTaps(against, "peer", bench, left, right, BACK_END_CPU)));
            return;
        }
        all.add(() -> transfer(sides.peerName(), "peer", (left, right) ->
            TestpmdBackEnd.startTaps("peer", bench, left, right, BACK_END_CPU)));
        all.add(() -> TcpTransfer.throughVeth("veth, 1 CPU", "veth", bench, CLIENT_CPU));
        all.add(() -> TcpTransfer.throughVeth("veth, 2 CPUs", "veth2", bench, BACK_END_CPU));
    }

    private void addGuests(List<Supplier<Contender>> all) {
        Path checkout = sides.launcher().resolveSibling("").toAbsolutePath().normalize();
        all.add(() -> guest("Baton", "baton", sides.launcher(), checkout));
        Path against = sides.against();
        all.add(() -> against != null ? guest(sides.peerName(), "peer", against, checkout)
            : GuestTransfer.throughQemu("QEMU's virtio-net", "peer", bench, scene, checkout));
    }

    private Contender guest(String label, String name, Path launcher, Path checkout) {
        Namespace host = bench.newNamespace();
        return attach(BatonBackEnd.startUnbound(launcher, name, bench, host),
            end -> GuestTransfer.through(end, label, name, bench, host, scene, checkout));
    }

    private Contender transfer(String label, String name, BiFunction<Namespace, Namespace, BackEnd> start) {
        Namespace left = bench.newNamespace();
        Namespace right = bench.newNamespace();
        return attach(start.apply(left, right), end -> TcpTransfer.through(end, label, name, bench, left, right));
    }

    private void withLoop(Consumer<Path> add) {
        Path loop = TapLoop.compile(bench);
        if (loop == null) {
            System.err.println("bench/compare: there is no gcc here, so " + scene.word() + " goes without a loop in C");
        } else {
            add.accept(loop);
        }
    }

    private BackEnd baton(String name) {
        return BatonBackEnd.start(sides.launcher(), name, bench, scene, BACK_END_CPU);
    }

    private BackEnd peer(String name) {
        return sides.against() == null ? TestpmdBackEnd.start(name, bench, scene, BACK_END_CPU)
            : BatonBackEnd.start(sides.against(), name, bench, scene, BACK_END_CPU);
    }

    /** A back end of that name with the client that the scene wants. */
    private Contender forwarder(String label, String name, BackEnd backEnd) {
        return switch (scene.kind()) {
            case LOOP, FLOWGEN, SEND -> attach(backEnd, end -> Forwarder.toClient(label, end, testpmd(name)));
            case TO_TAP, FLOW_TO_TAP, DROP -> attach(backEnd, end -> Forwarder.fromClient(label, end, testpmd(name)));
            case FROM_TAP -> attach(backEnd, end -> Forwarder.toClient(label, end,
                Guest.behindTap(bench, scene, name, network(name), CLIENT_CPU)));
            case LATENCY -> attach(backEnd, end -> new RoundTrip(label, end,
                Guest.betweenPorts(bench, scene, name, CLIENT_CPU)));
            default -> throw new IllegalStateException(scene + " has no client of this kind");
        };
    }

    private Client testpmd(String name) {
        return TestpmdClient.start(bench, scene, name, CLIENT_CPU);
    }

    /** Makes a client, then has the back end forward. */
    private static Contender attach(BackEnd backEnd, Function<BackEnd, Contender> client) {
        try {
            Contender contender = client.apply(backEnd);
            backEnd.forward();
            return contender;
        } catch (RuntimeException e) {
            backEnd.close();
            throw e;
        }
    }

    /** Gives a TAP a network of its own; returns a host in it, which nobody has to be asked about. */
    private String network(String tap) {
        String network = bench.namespace().newNetwork();
        bench.namespace().configure(tap, network + 1);
        return bench.namespace().call(() -> {
            NetDevice.noArp(tap, true);
            return network + 2;
        });
    }
}
