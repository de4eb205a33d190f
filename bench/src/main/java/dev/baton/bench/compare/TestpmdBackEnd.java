package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** DPDK's vhost, and its TAP driver, between which testpmd forwards. */
final class TestpmdBackEnd implements BackEnd {
    private final Testpmd testpmd;
    private final LongSupplier toTap;

    private TestpmdBackEnd(Testpmd testpmd, LongSupplier toTap) {
        this.testpmd = testpmd;
        this.toTap = toTap;
    }

    static TestpmdBackEnd start(String name, Bench bench, Scene scene, int cpu) {
        List<String> vdevs = new ArrayList<>();
        for (int i = 0; i < scene.clientPorts(); i++) {
            vdevs.add("net_vhost" + i + ",iface=" + bench.socket(name, i) + ",queues=1");
        }
        if (scene.tap()) {
            vdevs.add("net_tap0,iface=" + name);
        }
        return new TestpmdBackEnd(Testpmd.start(bench, scene.tap() ? bench.namespace().inside() : List.of(), name, cpu,
            Testpmd.SHARED, vdevs, List.of("--forward-mode=io")), () -> bench.namespace().received(name));
    }

    /** Two TAPs, which it makes in one namespace: the second one has to be moved to where it belongs. */
    static TestpmdBackEnd startTaps(String name, Bench bench, Namespace left, Namespace right, int cpu) {
        String moved = TcpTransfer.right(name);
        Testpmd testpmd = Testpmd.start(bench, left.inside(), name, cpu, Testpmd.SHARED,
            List.of("net_tap0,iface=" + TcpTransfer.left(name), "net_tap1,iface=" + moved),
            List.of("--forward-mode=io"));
        bench.run(left, "ip", "link", "set", moved, "netns", right.path());
        return new TestpmdBackEnd(testpmd, () -> right.received(moved));
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
    public long toTap() {
        return toTap.getAsLong();
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
