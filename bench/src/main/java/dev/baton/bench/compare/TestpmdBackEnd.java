package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** DPDK's vhost, and its TAP driver, between which testpmd forwards. */
final class TestpmdBackEnd implements BackEnd {
    private final Testpmd testpmd;
    private final LongSupplier taken;

    private TestpmdBackEnd(Testpmd testpmd, LongSupplier taken) {
        this.testpmd = testpmd;
        this.taken = taken;
    }

    static TestpmdBackEnd start(String name, Bench bench, Scene scene, int cpu) {
        List<String> vdevs = new ArrayList<>();
        for (int i = 0; i < scene.clientPorts(); i++) {
            vdevs.add("net_vhost" + i + ",iface=" + bench.socket(name, i) + ",queues=1");
        }
        if (scene.tap()) {
            vdevs.add("net_tap0,iface=" + name);
        }
        String mode = scene.dropped() ? "rxonly" : scene.sent() ? "txonly" : "io";
        Testpmd testpmd = Testpmd.start(bench, scene.tap() ? bench.insideNamespace() : List.of(), name, cpu,
            Testpmd.SHARED, vdevs, List.of("--forward-mode=" + mode, "--txpkts=" + scene.frameBytes()));
        return new TestpmdBackEnd(testpmd, scene.tap() ? () -> bench.received(name) : testpmd::received);
    }

    @Override
    public void forward() {
        testpmd.command("start");
    }

    @Override
    public Cost cost() {
        return testpmd.cost();
    }

    @Override
    public long taken() {
        return taken.getAsLong();
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
