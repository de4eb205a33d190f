package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** DPDK's testpmd in front of a null port: it sends all it can and receives all it can, and both count the same. */
@Timeout(300)
class NullPortIT {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final long MANY = 1_000_000;
    private static final int RING = 1024;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.testpmd();
    }

    private static BatonProcess baton(Workplace place, Path socket, int queuePairs, String idle, String send) {
        return BatonProcess.start(place, "--idle", idle,
                "--port", "vhost-user:vm0,path=" + socket + ",queues=" + queuePairs,
                "--port", "null:n0,queues=" + queuePairs + ",send=" + send, "--wire", "vm0=n0");
    }

    private static Testpmd frontEnd(Path socket, int queuePairs, boolean mergeable) {
        return Testpmd.start("front", 0, List.of(Testpmd.virtioUser(0, socket, queuePairs, mergeable)),
                "--rxq=" + queuePairs, "--txq=" + queuePairs);
    }

    @ParameterizedTest(name = "{0} queue pair(s), idle {1}")
    @CsvSource({"1,busy", "2,adaptive"})
    void whatTestpmdSendsIsCountedAndDropped(int queuePairs, String idle) {
        try (Workplace place = new Workplace();
                BatonProcess baton = baton(place, place.path("vm0"), queuePairs, idle, "off");
                Testpmd guest = frontEnd(place.path("vm0"), queuePairs, true)) {
            baton.awaitRings("vm0", queuePairs);
            guest.command("set fwd txonly");
            long frames = 0;
            long bytes = 0;
            for (int size : new int[] {64, 512, 1518}) {
                long wanted = frames + MANY;
                guest.command("set txpkts " + size);
                guest.command("start");
                Poll.until(LIMIT, () -> size + " bytes: " + baton.stat(), () -> baton.stat().txFrames("n0") >= wanted);
                guest.stopForwarding();
                BatonProcess.Stat stat = baton.settled();
                Testpmd.PortStats sent = guest.stats(0);
                bytes += (sent.txFrames() - frames) * size;
                frames = sent.txFrames();
                System.out.printf("txonly %4d bytes: %d frames in all%n", size, frames);
                assertThat(sent.txBytes()).isEqualTo(bytes);
                assertThat(stat.rxFrames("vm0")).as("vm0 rx, %d bytes", size).isEqualTo(frames);
                assertThat(stat.txFrames("n0")).as("n0 tx, %d bytes", size).isEqualTo(frames);
                assertThat(stat.txBytes("n0")).as("n0 tx bytes").isEqualTo(bytes);
            }
            assertThat(baton.stat().drops("vm0") + baton.stat().drops("n0")).isZero();
            assertThat(baton.stat().txFrames("vm0")).as("nothing is sent to it").isZero();
        }
    }

    /** Frames of 4000 bytes take two of testpmd's buffers each. */
    @ParameterizedTest(name = "{0} queue pair(s), mergeable {1}, {2} bytes, idle {3}")
    @CsvSource({"1,true,64,busy", "2,false,1514,adaptive", "1,true,4000,adaptive"})
    void testpmdReceivesAllThatItCan(int queuePairs, boolean mergeable, int size, String idle) {
        try (Workplace place = new Workplace();
                BatonProcess baton = baton(place, place.path("vm0"), queuePairs, idle, Integer.toString(size));
                Testpmd guest = frontEnd(place.path("vm0"), queuePairs, mergeable)) {
            baton.awaitRings("vm0", queuePairs);
            guest.command("set fwd rxonly");
            guest.command("start");
            Poll.until(LIMIT, () -> guest.stats(0) + "; " + baton.stat(), () -> guest.stats(0).rxFrames() >= MANY);
            guest.stopForwarding();
            BatonProcess.Stat stat = baton.settled();
            Testpmd.PortStats received = guest.stats(0);
            System.out.printf("rxonly %4d bytes: %d frames%n", size, received.rxFrames());
            assertThat(received.rxBytes()).isEqualTo(received.rxFrames() * size);
            assertThat(received.rxErrors() + received.rxMissed()).isZero();
            assertThat(stat.txFrames("vm0") - received.rxFrames()).as("frames that lie in the ring")
                    .isBetween(0L, (long) queuePairs * RING);
            assertThat(stat.txBytes("vm0")).isEqualTo(stat.txFrames("vm0") * size);
            assertThat(stat.rxFrames("n0")).isEqualTo(stat.txFrames("vm0"));
            assertThat(stat.drops("vm0") + stat.drops("n0")).isZero();
            for (int queue = 0; queue < queuePairs; queue++) {
                assertThat(guest.extended(0, "rx_q" + queue + "_good_packets")).as("queue %d", queue).isPositive();
            }
        }
    }
}
