package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** A back end and the client behind it, both stopped while it is not their turn. */
final class Contender implements AutoCloseable {
    private static final int CLIENT_CPU = 0;
    private static final int BACK_END_CPU = 1;
    /** The rings are full by then, and caches warm. */
    private static final long SETTLE_MS = 300;

    private final Scene scene;
    private final BackEnd backEnd;
    private final Testpmd client;
    private final @Nullable Testpmd sender;
    private final LongSupplier frames;

    private Contender(Scene scene, BackEnd backEnd, Testpmd client, @Nullable Testpmd sender) {
        this.scene = scene;
        this.backEnd = backEnd;
        this.client = client;
        this.sender = sender;
        this.frames = (scene.tap() && !scene.fromTap()) || scene.dropped() ? backEnd::taken : client::received;
    }

    /** Baton, of the checkout that this launcher belongs to. */
    static Contender baton(Path launcher, String name, Bench bench, Scene scene) {
        return start(bench, scene, name, BatonBackEnd.start(launcher, name, bench, scene, BACK_END_CPU));
    }

    static Contender testpmd(String name, Bench bench, Scene scene) {
        return start(bench, scene, name, TestpmdBackEnd.start(name, bench, scene, BACK_END_CPU));
    }

    private static Contender start(Bench bench, Scene scene, String name, BackEnd backEnd) {
        try {
            List<String> vdevs = new ArrayList<>();
            for (int i = 0; i < scene.clientPorts(); i++) {
                vdevs.add("net_virtio_user" + i + ",path=" + bench.socket(name, i)
                    + ",queues=1,queue_size=1024,mrg_rxbuf=1,in_order=1,packed_vq=0");
            }
            if (scene.replay()) {
                vdevs.add("net_pcap0,rx_pcap=" + bench.flow(scene.frameBytes()) + ",infinite_rx=1");
            }
            Testpmd client = Testpmd.start(bench, List.of(), "client-" + name, CLIENT_CPU, Testpmd.SHARED, vdevs,
                scene.clientOptions());
            backEnd.forward();
            return new Contender(scene, backEnd, client, scene.fromTap() ? sender(bench, scene, name) : null);
        } catch (BenchFailure e) {
            backEnd.close();
            throw e;
        }
    }

    /** Sends into the interface from the kernel's side. */
    private static Testpmd sender(Bench bench, Scene scene, String name) {
        return Testpmd.start(bench, bench.insideNamespace(), "sender-" + name, CLIENT_CPU,
            Testpmd.PRIVATE, List.of("net_af_packet0,iface=" + name),
            List.of("--forward-mode=txonly", "--txpkts=" + scene.frameBytes()));
    }

    void pause() {
        if (sender != null) {
            sender.pause();
        }
        client.pause();
        backEnd.pause();
    }

    /** Runs for so long, from a start to a stop of the client. */
    Sample run(double seconds) {
        backEnd.resume();
        client.resume();
        client.command(scene.start());
        if (sender != null) {
            sender.resume();
            sender.command("start");
        }
        sleep(SETTLE_MS);
        Cost costBefore = backEnd.cost();
        long before = frames.getAsLong();
        long beforeNs = System.nanoTime();
        sleep((long) (seconds * 1e3));
        long after = frames.getAsLong();
        long afterNs = System.nanoTime();
        Cost costAfter = backEnd.cost();
        if (sender != null) {
            sender.command("stop");
        }
        client.command("stop");
        pause();
        return new Sample((after - before) * 1e9 / (afterNs - beforeNs), costAfter.perFrameSince(costBefore));
    }

    private static void sleep(long ms) {
        try {
            TimeUnit.MILLISECONDS.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchFailure("interrupted", e);
        }
    }

    @Override
    public void close() {
        if (sender != null) {
            sender.close();
        }
        client.close();
        backEnd.close();
    }
}
