package dev.baton.tools.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two network namespaces joined by a wire between two TAPs, with the kernel's own TCP on both sides. */
@Timeout(600)
class TapToTapIT {
    private static final int MEGABYTES = 200;
    private static final long MAX_FRAME = 1514;

    @BeforeEach
    void require() {
        RequireClients.baton();
        RequireClients.namespaces();
        RequireClients.programs("iperf3", "ping");
    }

    @ParameterizedTest(name = "{0} queue pair(s), idle {1}")
    @CsvSource({"1,busy", "2,adaptive"})
    void tcpFlowsBothWays(int queuePairs, String idle) {
        try (Workplace place = new Workplace(); Namespace left = new Namespace(); Namespace right = new Namespace();
                BatonProcess baton = BatonProcess.start(place, "--idle", idle,
                        "--port", "tap:tap0,queues=" + queuePairs + ",netns=" + left.name(),
                        "--port", "tap:tap1,queues=" + queuePairs + ",netns=" + right.name(),
                        "--wire", "tap0=tap1")) {
            assertThat(baton.printedStat().rxFrames("tap0")).isZero();
            left.configure("tap0", "10.77.0.1/24");
            right.configure("tap1", "10.77.0.2/24");
            left.awaitPing("10.77.0.2", Duration.ofMinutes(1));
            right.awaitPing("10.77.0.1", Duration.ofMinutes(1));
            try (Child server = Child.start("iperf3-server", right.exec("iperf3", "--server", "--forceflush"))) {
                server.await(Pattern.compile("listening"), 0, Duration.ofSeconds(30));
                for (boolean reverse : new boolean[] {false, true}) {
                    BatonProcess.Stat before = baton.stat();
                    assertThat(Iperf.transfer(left, "10.77.0.2", MEGABYTES, 4, reverse))
                            .isGreaterThan(MEGABYTES * 500_000L);
                    BatonProcess.Stat after = baton.settled();
                    String from = reverse ? "tap1" : "tap0";
                    String to = reverse ? "tap0" : "tap1";
                    long frames = after.rxFrames(from) - before.rxFrames(from);
                    long bytes = after.rxBytes(from) - before.rxBytes(from);
                    System.out.printf("%s to %s: %d bytes in %d frames%n", from, to, bytes, frames);
                    assertThat(bytes / frames).as("bytes a frame: segments are carried whole").isGreaterThan(MAX_FRAME);
                    assertThat(after.txFrames(to))
                            .isEqualTo(after.rxFrames(from) - after.drops(from) - after.drops(to));
                }
            }
        }
    }
}
