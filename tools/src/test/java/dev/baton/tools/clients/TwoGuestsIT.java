package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Two virtio-user front ends wired to each other, in io mode: what one port of testpmd receives it sends again. Frames
 * are put in once and then circle for ever, so a single lost or doubled frame shows in the count of those on their way.
 */
@Timeout(600)
class TwoGuestsIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int BURSTS = 4;
    private static final int BURST = 32;
    private static final long MANY = 200_000;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.testpmd();
    }

    /** Each way to fill and empty a virtqueue that virtio-user has, and each number of queues, once or twice. */
    static Stream<Arguments> guests() {
        return Stream.of(
                Arguments.of(VirtioUser.of(1, true), 64),
                Arguments.of(VirtioUser.of(1, true).withQueueSize(4096), 512),
                Arguments.of(VirtioUser.of(1, false).outOfOrder(), 1518),
                Arguments.of(VirtioUser.of(1, false).outOfOrder().byVectors().withQueueSize(256), 64),
                Arguments.of(VirtioUser.of(2, true).outOfOrder(), 1518),
                Arguments.of(VirtioUser.of(2, false).withQueueSize(512), 64),
                Arguments.of(VirtioUser.of(2, true).withPackedRings(), 512),
                Arguments.of(VirtioUser.of(1, false).outOfOrder().withPackedRings(), 1518),
                Arguments.of(VirtioUser.of(8, true).withQueueSize(256), 64),
                Arguments.of(VirtioUser.of(1, true).listening(), 64));
    }

    @ParameterizedTest(name = "{0}, {1} bytes")
    @MethodSource("guests")
    void framesCircleWithoutLoss(VirtioUser user, int size) {
        int queuePairs = user.queuePairs();
        String options = ",queues=" + queuePairs + (user.server() ? ",mode=client" : "");
        try (Workplace place = new Workplace();
                BatonProcess baton = BatonProcess.start(place, "--idle", "busy",
                        "--port", "vhost-user:vm0,path=" + place.path("vm0") + options,
                        "--port", "vhost-user:vm1,path=" + place.path("vm1") + options,
                        "--wire", "vm0=vm1");
                Testpmd guests = Testpmd.start("guests", 0,
                        List.of(user.vdev(0, place.path("vm0")), user.vdev(1, place.path("vm1"))),
                        // Otherwise a start throws away what waits in the receive queues.
                        "--no-flush-rx",
                        "--forward-mode=io", "--port-topology=loop", "--txpkts=" + size,
                        "--rxq=" + queuePairs, "--txq=" + queuePairs,
                        "--rxd=" + user.queueSize(), "--txd=" + user.queueSize())) {
            baton.awaitRings("vm0", queuePairs);
            baton.awaitRings("vm1", queuePairs);
            long put = 2L * queuePairs * BURSTS * BURST;
            circle(baton, guests, "start tx_first " + BURSTS, put, size);
            circle(baton, guests, "start", put, size);
            assertThat(baton.stat().drops("vm0") + baton.stat().drops("vm1")).isZero();
        }
    }

    private static void circle(BatonProcess baton, Testpmd guests, String start, long put, int size) {
        long from = guests.stats(0).rxFrames();
        guests.command(start);
        Poll.until(LIMIT, () -> "frames circle: " + guests.stats() + "\n" + baton.output(),
                () -> guests.stats(0).rxFrames() - from >= MANY);
        guests.stopForwarding();

        BatonProcess.Stat stat = baton.settled();
        Map<Integer, Testpmd.PortStats> ports = guests.stats();
        Testpmd.PortStats a = guests.stats(0);
        Testpmd.PortStats b = guests.stats(1);
        System.out.printf("circling, %d bytes: %s%n", size, ports);
        assertThat(a.txFrames() + b.txFrames() - a.rxFrames() - b.rxFrames()).as("frames on their way").isEqualTo(put);
        assertThat(stat.rxFrames("vm0")).isEqualTo(a.txFrames());
        assertThat(stat.rxFrames("vm1")).isEqualTo(b.txFrames());
        assertThat(stat.txFrames("vm0")).isEqualTo(stat.rxFrames("vm1"));
        assertThat(stat.txFrames("vm1")).isEqualTo(stat.rxFrames("vm0"));
        assertThat(stat.rxBytes("vm0")).isEqualTo(a.txFrames() * size);
        assertThat(stat.txBytes("vm1")).isEqualTo(a.txFrames() * size);
        assertThat(a.rxBytes()).isEqualTo(a.rxFrames() * size);
        assertThat(a.rxErrors() + b.rxErrors()).isZero();
    }
}
