package dev.baton.bench;

import dev.baton.datapath.AgentStats;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.TapPortConfig;
import dev.baton.datapath.VhostUserPort;
import dev.baton.datapath.VhostUserPortConfig;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.Sched;
import dev.baton.vhostuser.ProtocolException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A UDP flow to a guest that takes segmented frames, with coalescing and without, with an agent on one CPU and all
 * others on another. Needs two CPUs, and root for a TAP.
 *
 * <p>From a guest: what a frame takes from ring to ring. From a TAP: a socket behind it sends each datagram with a call
 * of its own, and the time is the sender's, for the most part.
 *
 * <p>The receiver forgets what it gets, so what it saves where a frame costs it something is not in the time. Told
 * beside, as sums over all iterations to be divided by {@code frames}: the agent's time ({@code agentNs}) and the
 * buffers that the receiver had to handle ({@code buffers}).
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class FlowToGuestBenchmark {
    private static final int FRAMES = 512;
    private static final int QUEUE_SIZE = 1024;
    private static final String TAP = "bench0";
    /** Ethernet, IPv4 and UDP. */
    private static final int HEADERS = 14 + 20 + 8;

    /** Who sends: {@code guest} or {@code tap}. */
    @Param({"guest", "tap"})
    public String from;

    /** Whether the receiver's port coalesces. */
    @Param({"false", "true"})
    public boolean coalescing;

    /** Bytes of the Ethernet frame. */
    @Param({"64", "1514"})
    public int frameBytes;

    private Path folder;
    private Datapath datapath;
    private FlowGuest receiver;
    private @Nullable FlowGuest sender;
    private @Nullable Fd namespace;
    private @Nullable DatagramChannel socket;
    private ByteBuffer datagram;

    /** What is told beside the time; of an iteration. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.EVENTS)
    @SuppressWarnings("NullAway.Init") // JMH calls begin() and end() first.
    public static class Beside {
        private AgentStats before;
        private AgentStats now;
        private long buffersBefore;
        private long buffersNow;

        /** The agent's time, of duty cycles that moved frames. */
        public long agentNs() {
            return now.busyNs() - before.busyNs();
        }

        /** Buffers of the receiver's that were filled. */
        public long buffers() {
            return buffersNow - buffersBefore;
        }

        /** Frames that were sent. */
        public long frames() {
            return now.frames() - before.frames();
        }

        /** Begins to count. */
        @Setup(Level.Iteration)
        public void begin(FlowToGuestBenchmark benchmark) {
            before = benchmark.agent();
            buffersBefore = benchmark.receiver.usedBuffers();
        }

        /** Has counted. */
        @TearDown(Level.Iteration)
        public void end(FlowToGuestBenchmark benchmark) {
            now = benchmark.agent();
            buffersNow = benchmark.receiver.usedBuffers();
        }
    }

    private AgentStats agent() {
        return datapath.counters().agents().getFirst();
    }

    /** Makes the datapath and the guests. */
    @Setup
    public void open() throws IOException, ProtocolException {
        int[] cpus = Sched.affinity();
        folder = Files.createTempDirectory("flow");
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.BUSY).withCpus(cpus[0]));
        VhostUserPort to = datapath.add(VhostUserPortConfig.listen("to", folder.resolve("to"))
            .withCoalescing(coalescing));
        byte[] frame = UdpFrame.of(new byte[] {2, 0, 0, 0, 0, 1}, frameBytes);
        if (from.equals("tap")) {
            Fd created = NetworkNamespace.create();
            namespace = created;
            datapath.wire(to, datapath.add(TapPortConfig.named(TAP).withNetns("/proc/self/fd/" + created.value())));
            socket = NetworkNamespace.call(created, FlowToGuestBenchmark::broadcaster);
            datagram = ByteBuffer.allocateDirect(frameBytes - HEADERS);
            receiver = new FlowGuest(to.socketPath(), QUEUE_SIZE, frame);
        } else {
            VhostUserPort port = datapath.add(VhostUserPortConfig.listen("from", folder.resolve("from")));
            datapath.wire(port, to);
            receiver = new FlowGuest(to.socketPath(), QUEUE_SIZE, frame);
            sender = new FlowGuest(port.socketPath(), QUEUE_SIZE, frame);
        }
        if (cpus.length > 1) {
            Sched.setAffinity(cpus[1]);
        }
    }

    /** A socket whose datagrams leave by the TAP, whoever is there. */
    private static DatagramChannel broadcaster() {
        try {
            NetDevice.ipv4Address(TAP, "10.81.0.1", 24);
            return DatagramChannel.open().setOption(StandardSocketOptions.SO_BROADCAST, true)
                .connect(new InetSocketAddress("10.81.0.255", UdpFrame.PORT));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Sends, and waits until the guest has all. The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public void send(Beside beside) throws IOException {
        if (sender != null) {
            send(sender);
        } else {
            send(Objects.requireNonNull(socket));
        }
        receiver.receive();
    }

    private void send(FlowGuest guest) {
        if (!guest.send(FRAMES)) {
            throw new BenchFailure("the sender's queue is full");
        }
        while (!guest.allTaken()) {
            receiver.receive();
        }
    }

    private void send(DatagramChannel channel) throws IOException {
        long goal = agent().frames() + FRAMES;
        for (int i = 0; i < FRAMES; i++) {
            channel.write(datagram.clear());
        }
        while (agent().frames() < goal) {
            receiver.receive();
        }
    }

    /** Ends it all. */
    @TearDown
    public void close() throws IOException {
        if (sender != null) {
            sender.close();
        }
        receiver.close();
        datapath.close();
        if (socket != null && namespace != null) {
            socket.close();
            namespace.close();
        }
        Files.delete(folder);
    }
}
