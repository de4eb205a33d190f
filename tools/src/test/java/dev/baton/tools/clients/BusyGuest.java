package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * A stock Linux guest wired to a TAP, where both sides ping each other and transfer to each other all the time.
 *
 * @param queuePairs of the guest
 * @param host       the namespace of the TAP
 * @param batons     in between
 * @param guest      the guest
 * @param load       what the guest does
 * @param stream     what the host does
 */
record BusyGuest(int queuePairs, Namespace host, Handovers batons, QemuGuest guest, GuestLoad load,
        PingStream stream) {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int RING_PACKED = 34;
    private static final int INTERVAL_MS = 5;
    /** For two emulated processors, two pollers and the start of a Java program on few processors. */
    private static final String BITRATE = "20M";

    static void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.guest();
        QemuBinary.newest();
    }

    /**
     * Runs a test on one, which must then have seen no change of its link and must end in good order.
     *
     * @param device more options of its network device, such as {@code packed=on}
     */
    static void with(int queuePairs, String device, Consumer<BusyGuest> test) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                // Each frame is to be counted by all: the kernel takes those that were joined for one.
                Handovers batons = new Handovers(BatonProcess.start(place,
                        "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=" + queuePairs,
                        "--port", "tap:tap0,coalesce=off,queues=" + queuePairs + ",netns=" + host.name(),
                        "--wire", "vm0=tap0"));
                QemuGuest guest = QemuGuest.start(new QemuGuest.Config(QemuBinary.newest(), place.path("vm0"),
                        QemuGuest.Socket.CLIENT, queuePairs, device));
                Child server = Child.start("iperf3-server", host.exec("iperf3", "--server", "--forceflush"))) {
            host.configure("tap0", GuestChecks.HOST + "/24");
            server.await(Pattern.compile("listening"), 0, LIMIT);
            guest.awaitReady();
            assertThat(guest.acked(RING_PACKED)).as("feature RING_PACKED").isEqualTo(device.contains("packed=on"));
            host.awaitPing(QemuGuest.ADDRESS, GuestChecks.LIMIT);
            final long carrierChanges = guest.carrierChanges();
            GuestLoad load = GuestLoad.start(guest, GuestChecks.HOST, queuePairs, BITRATE);
            try (PingStream stream = PingStream.start(host, QemuGuest.ADDRESS, INTERVAL_MS)) {
                BusyGuest busy = new BusyGuest(queuePairs, host, batons, guest, load, stream);
                busy.awaitProgress();
                test.accept(busy);
            }
            assertThat(guest.carrierChanges()).as("carrier changes").isEqualTo(carrierChanges);
            guest.powerOff();
            batons.active().terminate();
        }
    }

    /** Waits until everything has gone on from now. */
    void awaitProgress() {
        stream.awaitReply();
        load.awaitProgress();
    }

    /** Ends the load and prints what became of the pings. */
    Pings stop() {
        Pings pings = new Pings(stream.stop(), load.stop());
        System.out.printf("%d queue pair(s): %s%n", queuePairs, batons.describe());
        System.out.printf("%d queue pair(s), host to guest: %s%n", queuePairs,
                pings.fromHost().describe(batons.windows()));
        System.out.printf("%d queue pair(s), guest to host: %s%n", queuePairs, pings.fromGuest());
        return pings;
    }

    Counts counts() {
        return Counts.of(batons.active(), guest, host);
    }

    /** What became of the pings each way. */
    record Pings(PingStream.Report fromHost, GuestLoad.Pings fromGuest) {
        void allAnsweredOnce() {
            assertThat(fromHost.lost()).as("pings lost, host to guest").isZero();
            assertThat(fromHost.duplicates()).as("pings doubled, host to guest").isZero();
            assertThat(fromGuest.lost()).as("pings lost, guest to host").isZero();
            assertThat(fromGuest.duplicates()).as("pings doubled, guest to host").isZero();
        }
    }
}
