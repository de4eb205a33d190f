package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;

/** A testpmd with virtio-user ports. */
final class TestpmdClient implements Client {
    private final Testpmd testpmd;
    private final String start;

    private TestpmdClient(Testpmd testpmd, String start) {
        this.testpmd = testpmd;
        this.start = start;
    }

    /** Starts it; it attaches to the sockets of the back end of that name. */
    static TestpmdClient start(Bench bench, Scene scene, String name, int cpu) {
        List<String> vdevs = new ArrayList<>();
        for (int i = 0; i < scene.clientPorts(); i++) {
            vdevs.add("net_virtio_user" + i + ",path=" + bench.socket(name, i)
                + ",queues=1,queue_size=1024,mrg_rxbuf=1,in_order=1,packed_vq="
                + (scene.packed() ? 1 : 0));
        }
        boolean replay = scene.kind() == Scene.Kind.FLOW_TO_TAP;
        if (replay) {
            vdevs.add("net_pcap0,rx_pcap=" + bench.flow(scene.frameBytes()) + ",infinite_rx=1");
        }
        String mode = switch (scene.kind()) {
            case FLOWGEN -> "flowgen";
            case TO_TAP, DROP -> "txonly";
            case SEND -> "rxonly";
            // From port to port, or from the file to the port.
            default -> "io";
        };
        return new TestpmdClient(Testpmd.start(bench, List.of(), "client-" + name, cpu, Testpmd.SHARED, vdevs,
            List.of("--forward-mode=" + mode, "--txpkts=" + scene.frameBytes(),
                "--port-topology=" + (replay ? "paired" : "loop"))),
            scene.kind() == Scene.Kind.LOOP ? "start tx_first 32" : "start");
    }

    @Override
    public void start() {
        testpmd.command(start);
    }

    @Override
    public void stop() {
        testpmd.command("stop");
    }

    @Override
    public long received() {
        return testpmd.received();
    }

    @Override
    public double busyNs() {
        return testpmd.cost().ns();
    }

    @Override
    public void pause() {
        testpmd.pause();
    }

    @Override
    public void resume() {
        testpmd.resume();
    }

    @Override
    public void close() {
        testpmd.close();
    }
}
