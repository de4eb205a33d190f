package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.FileIo;
import dev.baton.vhostuser.ProtocolException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Guest after guest cuts its memory short while its agent is busy, has turned to others or is about to sleep; the
 * agent, which is the only one, lives through it and forwards for the others. What the JVM makes of an access to such
 * memory, and where, is its compilers' doing, so it is tried interpreted, as usual, and with all of Baton compiled into
 * as few pieces as can be, where no catch is near.
 */
class CutMemoryTest {
    private static final String DONE = "the agent lives";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:+TieredCompilation",
        "-XX:-TieredCompilation -XX:CompileCommand=quiet -XX:CompileCommand=inline,dev.baton.*::*"})
    void agentLives(String mode) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(mode.split(" ")));
        command.addAll(List.of("-XX:ErrorFile=" + folder.resolve("error"), "-XX:-CreateCoredumpOnCrash",
            "--enable-native-access=ALL-UNNAMED", "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
            "-cp", System.getProperty("java.class.path"), Child.class.getName(), folder.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(output.lines().toList()).as(output).last().isEqualTo(DONE);
    }

    /**
     * The guests and their back end.
     *
     * <pre>
     *   guest after guest ===== h ------ p       one agent
     *                           c ------ d       who are served after each
     * </pre>
     */
    static final class Child {
        private static final int GUESTS = 40;
        private static final int FRAMES = 2_000;

        private final Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));
        private final MemoryPort peer = datapath.add(MemoryPortConfig.named("p"));
        private final MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
        private final MemoryPort d = datapath.add(MemoryPortConfig.named("d"));
        private final SequencedFrames others = new SequencedFrames();

        public static void main(String[] args) throws ProtocolException {
            Child child = new Child();
            child.serve(Path.of(args[0], "h"));
            child.datapath.close();
            System.out.println(DONE);
        }

        private void serve(Path socket) throws ProtocolException {
            VhostUserPort hostile = datapath.add(VhostUserPortConfig.listen("h", socket));
            datapath.wire(hostile, peer);
            datapath.wire(c, d);
            for (int number = 1; number <= GUESTS; number++) {
                long features = number % 2 == 0 ? TestGuest.PACKED : TestGuest.FEATURES;
                try (TestGuest guest = TestGuest.connect(hostile.socketPath(), 1, features)) {
                    exchange(guest);
                    // From busy polling to asleep, which an agent is after 200 us.
                    LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(400_000));
                    FileIo.truncate(guest.memory.file(), 0);
                    peer.driver(0).send(new byte[100], 0, 100);
                    long faults = number;
                    Patience.await("the port's fault is noticed",
                        () -> stats("h").faultsByReason().getOrDefault("memory-truncated", 0L) == faults);
                }
                theOthersAreServed();
            }
            assertThat(others.wrong()).isZero();
            assertThat(stats("c").faultsByReason()).isEmpty();
            assertThat(stats("d").faultsByReason()).isEmpty();
        }

        private void exchange(TestGuest guest) {
            // What the guest before it left on its way.
            while (peer.driver(0).receive((address, length) -> { }, 64) > 0) {
                Thread.onSpinWait();
            }
            SequencedFrames frames = new SequencedFrames();
            Patience.await("frames arrive", () -> {
                for (int i = 0; i < 64; i++) {
                    frames.send(guest, 0, 100);
                }
                peer.driver(0).receive(frames, 64);
                return frames.received() >= FRAMES;
            });
        }

        private void theOthersAreServed() {
            long before = others.received();
            assertThat(others.send(c.driver(0), 100)).isTrue();
            Patience.await("the others are served", () -> {
                d.driver(0).receive(others, 1);
                return others.received() > before;
            });
        }

        private PortStats stats(String port) {
            return Objects.requireNonNull(datapath.counters().ports().get(port));
        }
    }
}
