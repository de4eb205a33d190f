package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Takeovers in a row under DPDK's virtio-user at full speed: what it counts afterwards is what it would have been. */
@Timeout(7200)
class TestpmdTakeoverIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String ADDRESS = "10.77.0.2";
    private static final int BURSTS = 4;
    private static final int BURST = 32;
    private static final long MANY = 10_000;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.testpmd();
    }

    private static BatonProcess withTap(Workplace place, Namespace host, int queuePairs, String idle) {
        BatonProcess baton = BatonProcess.start(place, "--idle", idle,
                "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=" + queuePairs,
                "--port", "tap:tap0,queues=" + queuePairs + ",netns=" + host.name(), "--wire", "vm0=tap0");
        host.configure("tap0", "10.77.0.1/24");
        return baton;
    }

    private static Testpmd frontEnd(Workplace place, int queuePairs, boolean mergeable) {
        return Testpmd.start("front", 0, List.of(Testpmd.virtioUser(0, place.path("vm0"), queuePairs, mergeable)),
                "--rxq=" + queuePairs, "--txq=" + queuePairs);
    }

    @ParameterizedTest(name = "{0} queue pair(s), mergeable {1}, idle {2}")
    @CsvSource("2,true,busy")
    void floodToTheTap(int queuePairs, boolean mergeable, String idle) {
        RequireClients.namespaces();
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                Handovers batons = new Handovers(withTap(place, host, queuePairs, idle));
                Testpmd guest = frontEnd(place, queuePairs, mergeable)) {
            batons.active().awaitRings("vm0", queuePairs);
            guest.command("set fwd txonly");
            guest.command("start");
            for (int i = 0; i < Handovers.COUNT; i++) {
                batons.takeOver();
                long from = host.counters("tap0").rxFrames();
                Poll.until(LIMIT, () -> "frames reach the TAP\n" + batons.active().output(),
                        () -> host.counters("tap0").rxFrames() >= from + MANY);
            }
            guest.stopForwarding();

            BatonProcess.Stat stat = batons.active().settled();
            long sent = guest.stats(0).txFrames();
            System.out.printf("flood to the TAP, %d queue pair(s): %s, %d frames%n", queuePairs,
                    batons.describe(), sent);
            assertThat(stat.rxFrames("vm0")).isEqualTo(sent);
            assertThat(stat.txFrames("tap0")).isEqualTo(sent);
            assertThat(host.counters("tap0").rxFrames()).as("the kernel's count").isEqualTo(sent);
            assertThat(stat.drops("vm0") + stat.drops("tap0")).isZero();
        }
    }

    @ParameterizedTest(name = "{0} queue pair(s), mergeable {1}, idle {2}")
    @CsvSource("1,false,adaptive")
    void echoThroughTheTap(int queuePairs, boolean mergeable, String idle) {
        RequireClients.namespaces();
        RequireClients.programs("ping");
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                Handovers batons = new Handovers(withTap(place, host, queuePairs, idle));
                Testpmd guest = frontEnd(place, queuePairs, mergeable)) {
            batons.active().awaitRings("vm0", queuePairs);
            guest.command("set fwd icmpecho");
            guest.command("start");
            host.awaitPing(ADDRESS, LIMIT);
            try (PingStream stream = PingStream.start(host, ADDRESS, 1)) {
                stream.awaitReply();
                Poll.pause(Duration.ofSeconds(1));
                for (int i = 0; i < Handovers.COUNT; i++) {
                    batons.takeOver();
                    stream.awaitReply();
                }
                PingStream.Report report = stream.stop();
                System.out.printf("echo by testpmd, %d queue pair(s): %s; %s%n", queuePairs, batons.describe(),
                        report.describe(batons.windows()));
                assertThat(report.lost()).as("lost").isZero();
                assertThat(report.duplicates()).as("doubled").isZero();
                assertThat(report.reordered()).as("reordered").isZero();
            }
            guest.stopForwarding();

            BatonProcess.Stat stat = batons.active().settled();
            Testpmd.PortStats port = guest.stats(0);
            Namespace.Counters kernel = host.counters("tap0");
            assertThat(stat.rxFrames("tap0")).isEqualTo(kernel.txFrames());
            assertThat(stat.txFrames("vm0")).isEqualTo(kernel.txFrames());
            assertThat(stat.rxFrames("vm0")).isEqualTo(port.txFrames());
            assertThat(stat.txFrames("tap0")).isEqualTo(port.txFrames());
            assertThat(kernel.rxFrames()).isEqualTo(port.txFrames());
            assertThat(stat.drops("vm0") + stat.drops("tap0")).isZero();
        }
    }

    /** What one port receives it sends again: a lost or doubled frame shows in the count of those on their way. */
    @ParameterizedTest(name = "{0} queue pair(s), mergeable {1}, {2} bytes, idle {3}")
    @CsvSource({"1,true,64,busy", "2,false,1518,adaptive"})
    void framesCircleBetweenTwoGuests(int queuePairs, boolean mergeable, int size, String idle) {
        try (Workplace place = new Workplace();
                Handovers batons = new Handovers(BatonProcess.start(place, "--idle", idle,
                        "--port", "vhost-user:vm0,path=" + place.path("vm0") + ",queues=" + queuePairs,
                        "--port", "vhost-user:vm1,path=" + place.path("vm1") + ",queues=" + queuePairs,
                        "--wire", "vm0=vm1"));
                Testpmd guests = Testpmd.start("guests", 0,
                        List.of(Testpmd.virtioUser(0, place.path("vm0"), queuePairs, mergeable),
                                Testpmd.virtioUser(1, place.path("vm1"), queuePairs, mergeable)),
                        // Otherwise a start throws away what waits in the receive queues.
                        "--no-flush-rx",
                        "--forward-mode=io", "--port-topology=loop", "--txpkts=" + size,
                        "--rxq=" + queuePairs, "--txq=" + queuePairs)) {
            batons.active().awaitRings("vm0", queuePairs);
            batons.active().awaitRings("vm1", queuePairs);
            guests.command("start tx_first " + BURSTS);
            for (int i = 0; i < Handovers.COUNT; i++) {
                batons.takeOver();
                long from = guests.stats(0).rxFrames();
                Poll.until(LIMIT, () -> "frames circle: " + guests.stats() + "\n" + batons.active().output(),
                        () -> guests.stats(0).rxFrames() - from >= MANY);
            }
            guests.stopForwarding();

            BatonProcess.Stat stat = batons.active().settled();
            Testpmd.PortStats a = guests.stats(0);
            Testpmd.PortStats b = guests.stats(1);
            System.out.printf("circling, %d queue pair(s): %s; %s, %s%n", queuePairs, batons.describe(), a, b);
            assertThat(a.txFrames() + b.txFrames() - a.rxFrames() - b.rxFrames()).as("frames on their way")
                    .isEqualTo(2L * queuePairs * BURSTS * BURST);
            assertThat(stat.rxFrames("vm0")).isEqualTo(a.txFrames());
            assertThat(stat.rxFrames("vm1")).isEqualTo(b.txFrames());
            assertThat(stat.txFrames("vm0")).isEqualTo(stat.rxFrames("vm1"));
            assertThat(stat.txFrames("vm1")).isEqualTo(stat.rxFrames("vm0"));
            assertThat(stat.rxBytes("vm0")).isEqualTo(a.txFrames() * size);
            assertThat(a.rxBytes()).isEqualTo(a.rxFrames() * size);
            assertThat(a.rxErrors() + b.rxErrors()).isZero();
            assertThat(stat.drops("vm0") + stat.drops("vm1")).isZero();
        }
    }
}
