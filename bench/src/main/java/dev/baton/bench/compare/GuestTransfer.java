package dev.baton.bench.compare;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * TCP between a stock guest in QEMU and the host behind a TAP. Everything has both CPUs, so that neither side's way to
 * divide its work into threads is held against it.
 */
final class GuestTransfer implements Contender {
    private final String label;
    private final Bench bench;
    private final Namespace host;
    private final StockGuest guest;
    private final @Nullable BackEnd between;
    private final boolean fromGuest;

    private GuestTransfer(String label, Bench bench, Namespace host, StockGuest guest, @Nullable BackEnd between,
                          boolean fromGuest) {
        this.label = label;
        this.bench = bench;
        this.host = host;
        this.guest = guest;
        this.between = between;
        this.fromGuest = fromGuest;
        guest.run("iperf3 --server --daemon >/dev/null && until netstat -ltn | grep -q :5201; do sleep 0.2; done");
    }

    /** Through a back end that is to forward between its vhost-user socket and a TAP of its name, which is there. */
    static GuestTransfer through(BackEnd between, String label, String name, Bench bench, Namespace host, Scene scene,
                                 Path checkout) {
        host.configure(name, StockGuest.HOST_ADDRESS);
        StockGuest guest = StockGuest.start(bench, checkout, name, host, List.of(
            "-chardev", "socket,id=c0,path=" + bench.socket(name, 0),
            "-netdev", "vhost-user,id=n0,chardev=c0,queues=1"));
        return new GuestTransfer(label, bench, host, guest, between, scene.kind() == Scene.Kind.GUEST_SENDS);
    }

    /** Through QEMU's own device and TAP. */
    static GuestTransfer throughQemu(String label, String name, Bench bench, Scene scene, Path checkout) {
        Namespace host = bench.newNamespace();
        bench.run(host, "ip", "tuntap", "add", name, "mode", "tap", "vnet_hdr");
        host.configure(name, StockGuest.HOST_ADDRESS);
        StockGuest guest = StockGuest.start(bench, checkout, name, host, List.of(
            "-netdev", "tap,id=n0,ifname=" + name + ",script=no,downscript=no,vhost=off"));
        return new GuestTransfer(label, bench, host, guest, null, scene.kind() == Scene.Kind.GUEST_SENDS);
    }

    @Override
    public String name() {
        return label;
    }

    @Override
    public Sample run(double seconds) {
        if (between != null) {
            between.resume();
        }
        guest.resume();
        double rate = Iperf.bitsPerSecond(bench, host, LineUp.BOTH_CPUS, StockGuest.ADDRESS, seconds, fromGuest);
        guest.pause();
        if (between != null) {
            between.pause();
        }
        return Sample.of(Metric.BITS, rate);
    }

    @Override
    public void close() {
        guest.close();
        if (between != null) {
            between.close();
        }
    }
}
