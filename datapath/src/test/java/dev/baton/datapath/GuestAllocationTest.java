package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.TAKES;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * 0 bytes by an agent between two guests, whether it joins their frames or not, calls and kicks included: those are too
 * rare to be compiled here, and must make no garbage in the interpreter either.
 */
@Timeout(120)
class GuestAllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int FRAMES = 200_000;
    private static final int WAKE_UPS = 100;
    private static final int RUN = 4;

    /** What the guests do in one round. */
    private interface Round {
        void play(Datapath datapath, TestGuest one, TestGuest two);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aBusyAgentAllocatesNothing(boolean coalescing) throws ProtocolException {
        assertQuiet(IdleMode.BUSY, coalescing, GuestAllocationTest::forward, FRAMES / 3);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anAgentThatSleepsAllocatesNothing(boolean coalescing) throws ProtocolException {
        assertQuiet(IdleMode.ADAPTIVE, coalescing, GuestAllocationTest::wakeUp, WAKE_UPS);
    }

    /**
     * Plays rounds until the agent allocates nothing in one: what is left of warm-up, such as a method handle that the
     * JVM compiles once it was called often, ends within a few.
     *
     * @param leastJoined frames that are coalesced in a round at least, if any are
     */
    private static void assertQuiet(IdleMode idle, boolean coalescing, Round round, int leastJoined)
        throws ProtocolException {
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(idle))) {
            VhostUserPort a = datapath.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
            VhostUserPort b = datapath.add(VhostUserPortConfig.listen("b", TestSockets.path("b"))
                .withCoalescing(coalescing));
            datapath.wire(a, b);
            try (TestGuest one = TestGuest.connect(a.socketPath(), 1, TestGuest.FEATURES | Features.CSUM);
                 TestGuest two = TestGuest.connect(b.socketPath(), 1, TestGuest.FEATURES | TAKES)) {
                round.play(datapath, one, two);
                long agent = agent();
                long allocated = Long.MAX_VALUE;
                for (int i = 0; i < 20 && allocated != 0; i++) {
                    PortStats before = stats(datapath, "b");
                    long bytesBefore = THREADS.getThreadAllocatedBytes(agent);
                    round.play(datapath, one, two);
                    allocated = THREADS.getThreadAllocatedBytes(agent) - bytesBefore;
                    PortStats after = stats(datapath, "b");
                    assertThat(after.calls()).as("calls").isGreaterThan(before.calls());
                    long joined = after.coalesced() - before.coalesced();
                    assertThat(joined).as("frames joined").isBetween(coalescing ? leastJoined : 0L,
                        coalescing ? Long.MAX_VALUE : 0);
                }
                assertThat(allocated).as("bytes in a round").isZero();
            }
        }
    }

    private static long agent() {
        return Arrays.stream(THREADS.getAllThreadIds())
            .filter(id -> THREADS.getThreadInfo(id) != null
                && THREADS.getThreadInfo(id).getThreadName().equals("baton-agent-0"))
            .findFirst().orElseThrow();
    }

    /**
     * Runs of a flow whose checksums are there, or still to be filled in, and odd frames among them. A driver that does
     * not move its {@code used_event} is called whenever the index comes round to it: each 65,536 buffers.
     */
    private static void forward(Datapath datapath, TestGuest one, TestGuest two) {
        FlowPacket right = Flows.packet(false, false, 200, Checksum.RIGHT);
        FlowPacket partial = Flows.packet(true, true, 200, Checksum.PARTIAL);
        byte[][] frames = {right.frame(), right.frame(), right.frame(), partial.frame(), new byte[60]};
        byte[][] headers = {right.header(), right.header(), right.header(), partial.header(), new byte[12]};
        long start = stats(datapath, "b").tx().frames();
        int sent = 0;
        while (sent < FRAMES) {
            int kind = sent % frames.length;
            if (one.put(0, headers[kind], frames[kind], VirtioNetHeader.LENGTH + frames[kind].length)) {
                sent++;
            } else {
                one.publish(0);
                two.receive(0, (address, length) -> { });
                OffloadedFrames.checkTime(sent + " frames sent");
            }
        }
        one.publish(0);
        while (stats(datapath, "b").tx().frames() < start + FRAMES) {
            two.receive(0, (address, length) -> { });
            OffloadedFrames.checkTime("frames are missing");
        }
    }

    /** A few frames whenever the agent sleeps, for a guest that sleeps too. */
    private static void wakeUp(Datapath datapath, TestGuest one, TestGuest two) {
        FlowPacket packet = Flows.packet(false, false, 200, Checksum.RIGHT);
        byte[] frame = packet.frame();
        long kicks = stats(datapath, "a").kicks();
        for (int i = 0; i < WAKE_UPS; i++) {
            two.receiveq(0).enableNotifications();
            long sleeps = sleeps(datapath);
            long start = stats(datapath, "b").tx().frames();
            for (int j = 0; j < RUN; j++) {
                assertThat(one.put(0, packet.header(), frame, VirtioNetHeader.LENGTH + frame.length)).isTrue();
            }
            one.publish(0);
            while (stats(datapath, "b").tx().frames() < start + RUN) {
                OffloadedFrames.checkTime("frames are missing");
            }
            two.receive(0, (address, length) -> { });
            while (sleeps(datapath) == sleeps) {
                OffloadedFrames.checkTime("the agent does not sleep");
            }
        }
        assertThat(stats(datapath, "a").kicks()).as("kicks").isGreaterThan(kicks);
    }

    private static long sleeps(Datapath datapath) {
        return datapath.counters().agents().getFirst().sleeps();
    }

    private static PortStats stats(Datapath datapath, String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }
}
