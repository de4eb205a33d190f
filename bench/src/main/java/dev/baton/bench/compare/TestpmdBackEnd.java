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
        String mode = switch (scene.kind()) {
            case DROP -> "rxonly";
            case SEND -> "txonly";
            default -> "io";
        };
        Testpmd testpmd = Testpmd.start(bench, scene.tap() ? bench.namespace().inside() : List.of(), name, cpu,
            Testpmd.SHARED, vdevs, List.of("--forward-mode=" + mode, "--txpkts=" + scene.frameBytes()));
        return new TestpmdBackEnd(testpmd, scene.tap() ? () -> bench.namespace().received(name) : testpmd::received);
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
