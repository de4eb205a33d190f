package dev.baton.bench;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.DatapathConfig;
import dev.baton.datapath.IdleMode;
import dev.baton.datapath.MemoryDriver;
import dev.baton.datapath.MemoryPort;
import dev.baton.datapath.MemoryPortConfig;
import dev.baton.datapath.TapPortConfig;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.Sched;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.concurrent.TimeUnit;
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
 * A UDP flow from a guest to the kernel, with coalescing and without: what a frame takes from the driver's ring to the
 * other side of the TAP, with an agent on one CPU and the driver on another. Needs root and two CPUs.
 *
 * <p>The kernel's work is part of it, for it is done within the write. {@code otherHost}: the stack looks at the
 * address and lets go, as it does with all that it passes on whole. {@code socket}: a UDP socket takes each datagram,
 * so the kernel has to cut; the socket is read outside the measured time.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init") // JMH calls open() first.
public class FlowToTapBenchmark {
    private static final int FRAMES = 512;
    private static final int QUEUE_SIZE = 512;
    private static final String TAP = "bench0";

    /** Whether the TAP port coalesces. */
    @Param({"false", "true"})
    public boolean coalescing;

    /** Bytes of the Ethernet frame. */
    @Param({"64", "1514"})
    public int frameBytes;

    /** Who takes the frames. */
    @Param({"otherHost", "socket"})
    public String receiver;

    private Fd namespace;
    private Datapath datapath;
    private MemoryDriver driver;
    private DatagramChannel socket;
    private final ByteBuffer datagram = ByteBuffer.allocateDirect(2048);
    private byte[] frame;

    /** Makes the namespace, the datapath and the frame. */
    @Setup
    public void open() {
        int[] cpus = Sched.affinity();
        namespace = NetworkNamespace.create();
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(IdleMode.BUSY).withCpus(cpus[0]));
        MemoryPort guest = datapath.add(MemoryPortConfig.named("guest").withQueueSize(QUEUE_SIZE));
        datapath.wire(guest, datapath.add(TapPortConfig.named(TAP).withCoalescing(coalescing)
            .withNetns("/proc/self/fd/" + namespace.value())));
        driver = guest.driver(0);
        byte[] mac = NetworkNamespace.call(namespace, this::listen);
        if (!receiver.equals("socket")) {
            mac[5]++;
        }
        frame = UdpFrame.of(mac, frameBytes);
        if (cpus.length > 1) {
            Sched.setAffinity(cpus[1]);
        }
    }

    private byte[] listen() {
        try {
            NetDevice.ipv4Address(TAP, "10.81.0.1", 24);
            socket = DatagramChannel.open().setOption(StandardSocketOptions.SO_RCVBUF, 8 << 20)
                .bind(new InetSocketAddress(UdpFrame.PORT));
            socket.configureBlocking(false);
            return NetDevice.hardwareAddress(TAP);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads what the socket has. */
    @Setup(Level.Invocation)
    public void drain() throws IOException {
        boolean more;
        do {
            more = socket.receive(datagram.clear()) != null;
        } while (more);
    }

    /** Sends, and waits until the kernel has all. The result is per frame. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public void send() {
        for (int i = 0; i < FRAMES; i++) {
            while (!driver.send(frame, 0, frame.length)) {
                Thread.onSpinWait();
            }
        }
        while (driver.inFlight() > 0) {
            Thread.onSpinWait();
        }
    }

    /** Ends it all. */
    @TearDown
    public void close() throws IOException {
        datapath.close();
        socket.close();
        namespace.close();
    }
}
