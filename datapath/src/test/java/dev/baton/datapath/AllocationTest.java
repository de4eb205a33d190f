package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** 0 bytes per frame: an exact property of the agents, seen by the JVM's own accounting. */
@Timeout(120)
class AllocationTest {
    private static final int FRAMES = 200_000;

    @Test
    void anAgentAllocatesNothingWhileItForwards() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.BUSY));
             TestNamespace namespace = TestNamespace.createOrSkip()) {
            MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
            datapath.wire(a, datapath.add(MemoryPortConfig.named("b")));
            MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
            datapath.wire(c, datapath.add(TapPortConfig.named("t0").withNetns(namespace.path())));
            MemoryPort d = datapath.add(MemoryPortConfig.named("d"));
            datapath.wire(d, datapath.add(NullPortConfig.named("n").withFrameBytes(64)));
            forward(datapath, a, c, d);
            long agent = Arrays.stream(threads.getAllThreadIds())
                .filter(id -> threads.getThreadInfo(id) != null
                    && threads.getThreadInfo(id).getThreadName().equals("baton-agent-0"))
                .findFirst().orElseThrow();
            // What is left of warm-up, such as a call site that is linked late, ends within a few rounds. The agent is
            // a busy one; GuestAllocationTest has one that sleeps.
            long allocated = Long.MAX_VALUE;
            for (int round = 0; round < 20 && allocated != 0; round++) {
                long before = threads.getThreadAllocatedBytes(agent);
                forward(datapath, a, c, d);
                allocated = threads.getThreadAllocatedBytes(agent) - before;
            }
            assertThat(allocated).isZero();
            assertThat(java.util.Objects.requireNonNull(datapath.counters().ports().get("t0")).coalesced())
                .as("frames coalesced").isPositive();
            PortStats nothing = java.util.Objects.requireNonNull(datapath.counters().ports().get("n"));
            assertThat(nothing.rx().frames()).as("frames sent").isGreaterThan(FRAMES);
            assertThat(nothing.tx().frames()).as("frames dropped").isGreaterThan(FRAMES);
        }
    }

    /** Guest to guest, guest to TAP with coalescing and without, guest to nothing and back; the TAP is polled. */
    private static void forward(Datapath datapath, MemoryPort toMemory, MemoryPort toTap, MemoryPort toNull) {
        MemoryPort b = (MemoryPort) java.util.Objects.requireNonNull(datapath.port("b"));
        SequencedFrames frames = new SequencedFrames();
        byte[] datagram = new FlowPacket().frame();
        byte[] odd = new byte[60];
        while (frames.received() < FRAMES) {
            frames.send(toMemory.driver(0), 60);
            for (int i = 0; i < 20; i++) {
                byte[] frame = i % 10 < 2 ? datagram : odd;
                toTap.driver(0).send(frame, 0, frame.length);
            }
            b.driver(0).receive(frames, 64);
            toTap.driver(0).receive((address, length) -> { }, 64);
            toNull.driver(0).send(datagram, 0, datagram.length);
            toNull.driver(0).receive((address, length) -> { }, 64);
        }
        assertThat(frames.wrong()).isZero();
        while (frames.sent() > frames.received()) {
            b.driver(0).receive(frames, 64);
        }
    }
}
