package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * DPDK's virtio-user as the front end of {@code baton run}, with a TAP on the other side. Every frame is counted four
 * times, by testpmd, at both of Baton's ports, and by the kernel; all four agree, and nothing is dropped.
 */
@Timeout(600)
class TestpmdIT {
    private static final List<Integer> SIZES = List.of(64, 128, 256, 512, 1024, 1280, 1514, 1518);
    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final int MIN_FRAMES = 1000;
    private static final int DESTINATIONS = 16;
    private static final int PER_DESTINATION = 24;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.testpmd();
        RequireClients.programs("ping", "bash");
    }

    private static BatonProcess baton(Workplace place, Path socket, Namespace host, int queuePairs, String idle) {
        BatonProcess baton = BatonProcess.start(place, "--idle", idle,
                "--port", "vhost-user:vm0,path=" + socket + ",queues=" + queuePairs,
                "--port", "tap:tap0,queues=" + queuePairs + ",netns=" + host.name(),
                "--wire", "vm0=tap0");
        host.configure("tap0", "10.77.0.1/24");
        // A frame of 1518 bytes without its checksum is 4 bytes more than the usual MTU gives.
        host.check("ip", "link", "set", "tap0", "mtu", "1504");
        return baton;
    }

    private static Testpmd frontEnd(Path socket, int queuePairs, boolean mergeable) {
        return Testpmd.start("front", 0, List.of(Testpmd.virtioUser(0, socket, queuePairs, mergeable)),
                "--rxq=" + queuePairs, "--txq=" + queuePairs);
    }

    @ParameterizedTest(name = "{0} queue pair(s), mergeable {1}, idle {2}")
    @CsvSource({"1,true,busy", "1,false,adaptive", "2,true,adaptive", "2,false,busy"})
    void transmittedFramesAllReachTheTap(int queuePairs, boolean mergeable, String idle) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, place.path("vm0"), host, queuePairs, idle);
                Testpmd guest = frontEnd(place.path("vm0"), queuePairs, mergeable)) {
            baton.awaitRings("vm0", queuePairs);
            guest.command("set fwd txonly");
            for (int size : SIZES) {
                transmit(baton, guest, host, size);
            }
            for (int queue = 0; queue < queuePairs; queue++) {
                assertThat(guest.extended(0, "tx_q" + queue + "_good_packets")).as("queue %d", queue).isPositive();
            }
            assertThat(baton.stat().drops("vm0")).isZero();
            assertThat(baton.stat().drops("tap0")).isZero();
        }
    }

    private static void transmit(BatonProcess baton, Testpmd guest, Namespace host, int size) {
        final BatonProcess.Stat before = baton.settled();
        final Namespace.Counters kernelBefore = host.counters("tap0");
        final Testpmd.PortStats sentBefore = guest.stats(0);

        guest.command("set txpkts " + size);
        guest.command("start");
        Poll.until(LIMIT, () -> size + " bytes at the TAP: " + host.counters("tap0") + "\n" + baton.output(),
                () -> host.counters("tap0").minus(kernelBefore).rxFrames() >= MIN_FRAMES);
        guest.stopForwarding();

        final BatonProcess.Stat after = baton.settled();
        Namespace.Counters kernel = host.counters("tap0").minus(kernelBefore);
        Testpmd.PortStats sent = guest.stats(0);
        long frames = sent.txFrames() - sentBefore.txFrames();
        System.out.printf("txonly %4d bytes: %d frames%n", size, frames);
        assertThat(sent.txBytes() - sentBefore.txBytes()).isEqualTo(frames * size);
        assertThat(after.rxFrames("vm0") - before.rxFrames("vm0")).as("vm0 rx, %d bytes", size).isEqualTo(frames);
        assertThat(after.rxBytes("vm0") - before.rxBytes("vm0")).as("vm0 rx bytes").isEqualTo(frames * size);
        assertThat(after.txFrames("tap0") - before.txFrames("tap0")).as("tap0 tx, %d bytes", size).isEqualTo(frames);
        assertThat(after.txBytes("tap0") - before.txBytes("tap0")).as("tap0 tx bytes").isEqualTo(frames * size);
        assertThat(kernel.rxFrames()).as("the kernel's count, %d bytes", size).isEqualTo(frames);
        assertThat(kernel.rxBytes()).as("the kernel's bytes").isEqualTo(frames * size);
    }

    @ParameterizedTest(name = "{0} queue pair(s), mergeable {1}, idle {2}")
    @CsvSource({"1,true,adaptive", "1,false,busy", "2,true,busy", "2,false,adaptive"})
    void framesFromTheTapAllArrive(int queuePairs, boolean mergeable, String idle) {
        try (Workplace place = new Workplace(); Namespace host = new Namespace();
                BatonProcess baton = baton(place, place.path("vm0"), host, queuePairs, idle);
                Testpmd guest = frontEnd(place.path("vm0"), queuePairs, mergeable)) {
            for (int i = 0; i < DESTINATIONS; i++) {
                host.check("ip", "neigh", "replace", "10.77.0." + (10 + i), "lladdr", "52:54:00:77:00:02",
                        "dev", "tap0", "nud", "permanent");
            }
            baton.awaitRings("vm0", queuePairs);
            guest.command("set fwd rxonly");
            guest.command("start");
            for (int size : SIZES) {
                receive(baton, guest, host, size);
            }
            guest.stopForwarding();
            for (int queue = 0; queue < queuePairs; queue++) {
                assertThat(guest.extended(0, "rx_q" + queue + "_good_packets")).as("queue %d", queue).isPositive();
            }
            assertThat(baton.stat().drops("vm0")).isZero();
            assertThat(baton.stat().drops("tap0")).isZero();
        }
    }

    private static void receive(BatonProcess baton, Testpmd guest, Namespace host, int size) {
        final BatonProcess.Stat before = baton.settled();
        final Namespace.Counters kernelBefore = host.counters("tap0");
        final Testpmd.PortStats receivedBefore = guest.stats(0);

        // Nobody answers, so ping's exit status says nothing; what it sent is what the interface counts.
        int payload = size - 14 - 20 - 8;
        host.run(LIMIT, "bash", "-c", "for i in $(seq 10 " + (9 + DESTINATIONS) + "); do ping -n -q -M do -s " + payload
                + " -l " + PER_DESTINATION + " -c " + PER_DESTINATION + " -W 1 10.77.0.$i & done; wait");

        final BatonProcess.Stat after = baton.settled();
        Namespace.Counters kernel = host.counters("tap0").minus(kernelBefore);
        Testpmd.PortStats received = guest.stats(0);
        long frames = kernel.txFrames();
        System.out.printf("rxonly %4d bytes: %d frames%n", size, frames);
        assertThat(kernel.txDropped()).isZero();
        assertThat(frames).as("frames that the kernel sent").isEqualTo(DESTINATIONS * PER_DESTINATION);
        assertThat(after.rxFrames("tap0") - before.rxFrames("tap0")).as("tap0 rx, %d bytes", size).isEqualTo(frames);
        assertThat(after.rxBytes("tap0") - before.rxBytes("tap0")).as("tap0 rx bytes").isEqualTo(frames * size);
        assertThat(after.txFrames("vm0") - before.txFrames("vm0")).as("vm0 tx, %d bytes", size).isEqualTo(frames);
        assertThat(after.txBytes("vm0") - before.txBytes("vm0")).as("vm0 tx bytes").isEqualTo(frames * size);
        assertThat(received.rxFrames() - receivedBefore.rxFrames()).as("testpmd's count").isEqualTo(frames);
        assertThat(received.rxBytes() - receivedBefore.rxBytes()).as("testpmd's bytes").isEqualTo(frames * size);
        assertThat(received.rxErrors() + received.rxMissed()).as("testpmd's errors").isZero();
    }
}
