package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.VirtioNetHeader;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Nobody can tell whether frames were joined: what the kernel sends on, and what a socket receives, is the same with
 * coalescing and without.
 *
 * <pre>
 *   driver = t0 (Baton) -- bridge -- t1, read by the test, which takes no offload: the kernel cuts and sums
 * </pre>
 */
@Timeout(120)
class CoalescingTest {
    private static final int QUEUE_SIZE = 1024;
    private static final byte[] LAST = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (byte) 0x88, (byte) 0xb5};

    private TestNamespace namespace;
    private long coalesced;

    @BeforeEach
    void open() {
        namespace = TestNamespace.createOrSkip();
    }

    @AfterEach
    void close() {
        if (namespace != null) {
            namespace.close();
        }
    }

    // ---- what a bridge sends on

    /** The frames that leave the bridge when these enter it, all of which wait in the virtqueue from the start. */
    private List<String> bridged(boolean coalescing, List<FlowPacket> packets) {
        List<String> frames = new ArrayList<>();
        TapConfig t1 = TapConfig.builder("t1").networkNamespace(namespace.path()).up(true).build();
        try (TapDevice far = TapDevice.open(t1);
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            TapPort tap = datapath.add(TapPortConfig.named("t0").withNetns(namespace.path())
                .withCoalescing(coalescing));
            namespace.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
            namespace.ip("link", "set", "t0", "master", "br0", "mtu", "9000");
            namespace.ip("link", "set", "t1", "master", "br0", "mtu", "9000");
            namespace.ip("link", "set", "br0", "up");
            send(datapath, tap, packets);
            read(far, frames);
            PortStats stats = counted(datapath, packets);
            coalesced = stats.coalesced();
            assertThat(stats.tx().drops()).isZero();
            namespace.ip("link", "del", "br0");
        }
        return frames;
    }

    private static void send(Datapath datapath, TapPort tap, List<FlowPacket> packets) {
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory").withQueueSize(QUEUE_SIZE));
        for (FlowPacket packet : packets) {
            assertThat(memory.driver(0).send(packet.header(), packet.frame())).isTrue();
        }
        assertThat(memory.driver(0).send(LAST, 0, LAST.length)).isTrue();
        datapath.wire(memory, tap);
    }

    /** What the TAP has counted of these and the last one: a burst is counted a moment after its frames are out. */
    private static PortStats counted(Datapath datapath, List<FlowPacket> packets) {
        Supplier<PortStats> stats = () -> Objects.requireNonNull(datapath.counters().ports().get("t0"));
        Patience.await("all frames are counted",
            () -> stats.get().tx().frames() + stats.get().tx().drops() > packets.size());
        return stats.get();
    }

    /** Reads up to the last frame; others than the test's are left out. */
    private static void read(TapDevice far, List<String> frames) {
        try (Mapping buffer = Mapping.anonymous(TapDevice.MAX_FRAME_BYTES)) {
            while (true) {
                long length = far.queue(0).read(buffer.address(), buffer.length());
                if (length < 0) {
                    Thread.onSpinWait();
                    continue;
                }
                byte[] frame = new byte[(int) length - VirtioNetHeader.LENGTH];
                RawMemory.copyToArray(buffer.address() + VirtioNetHeader.LENGTH, frame, 0, frame.length);
                if (Arrays.equals(frame, LAST)) {
                    return;
                }
                if (Arrays.equals(frame, 6, 12, LAST, 6, 12)) {
                    assertThat(RawMemory.getShort(buffer.address())).as("virtio-net header").isZero();
                    frames.add(HexFormat.of().formatHex(Flows.atomic(frame)));
                }
            }
        }
    }

    /** Small and large ones, of even and odd length, of one segment and of several. */
    @ParameterizedTest
    @MethodSource("dev.baton.datapath.Flows#flows")
    void framesOfOneFlowAreJoinedAndLeaveAsTheyWere(FlowPacket flow) {
        List<FlowPacket> packets = Flows.run(flow, 20);
        assertSame(packets, 20);
    }

    /** Longer than any burst, and than what one frame can be. */
    @Test
    void aLongRunIsJoinedInPieces() {
        assertSame(Flows.run(Flows.packet(false, false, 700, Checksum.RIGHT), 500), 500);
        assertSame(Flows.run(Flows.packet(true, true, 100, Checksum.RIGHT), 500), 500);
    }

    @Test
    void theLastOneMayBeShorterAndPushed() {
        List<FlowPacket> packets = new ArrayList<>(Flows.run(Flows.packet(false, true, 200, Checksum.RIGHT), 4));
        packets.get(3).payload = new byte[33];
        packets.get(3).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(true, false, 200, Checksum.RIGHT), 3));
        packets.get(6).payload = new byte[1];
        assertSame(packets, 7);
    }

    @Test
    void optionsOfTcpAreKept() {
        FlowPacket flow = Flows.packet(true, true, 300, Checksum.RIGHT);
        flow.tcpOptions = new byte[] {1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7};
        assertSame(Flows.run(flow, 5), 5);
    }

    @Test
    void twoFlowsThatAlternateKeepTheirOrder() {
        List<FlowPacket> one = Flows.run(Flows.packet(false, false, 64, Checksum.RIGHT), 10);
        FlowPacket other = Flows.packet(false, false, 64, Checksum.RIGHT);
        other.sourcePort = 6000;
        List<FlowPacket> packets = new ArrayList<>();
        for (FlowPacket packet : one) {
            packets.add(packet);
            packets.add(other);
        }
        assertSame(packets, 0);
    }

    @ParameterizedTest
    @MethodSource("dev.baton.datapath.Flows#oddities")
    void aDatagramThatIsOddGoesAsItIs(String name) {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 10);
        Flows.makeOdd(packets.get(5), name);
        assertSame(packets, 9);
    }

    @ParameterizedTest
    @MethodSource("dev.baton.datapath.Flows#odditiesOfTcp")
    void aSegmentThatIsOddGoesAsItIs(String name) {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 10);
        Flows.makeOdd(packets.get(5), name);
        assertSame(packets, 9);
    }

    /** Whatever follows whatever: of two flows, of all kinds and sizes, right and wrong. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void aMixtureLeavesAsItEntered(long seed) {
        List<FlowPacket> packets = Flows.mixture(seed, 600);
        List<String> plain = bridged(false, packets);
        assertThat(coalesced).isZero();
        assertThat(bridged(true, packets)).isEqualTo(plain);
        assertThat(coalesced).isGreaterThan(100);
    }

    /** With an identification that counts, or stands still where fragments are forbidden; and not where it matters. */
    @Test
    void theIdentificationCountsOrDoesNotMatter() {
        FlowPacket counting = Flows.packet(false, false, 64, Checksum.RIGHT);
        counting.fragment = 0;
        assertSame(Flows.run(counting, 8), 8);
        FlowPacket standing = Flows.packet(false, false, 64, Checksum.RIGHT);
        assertSame(List.of(standing, standing, standing), 3);
        standing.fragment = 0;
        assertSame(List.of(standing, standing, standing), 0);
    }

    private void assertSame(List<FlowPacket> packets, int joined) {
        List<String> plain = bridged(false, packets);
        assertThat(coalesced).isZero();
        // A bridge drops what has a wrong IPv4 checksum.
        assertThat(plain).hasSizeBetween(packets.size() - 1, packets.size());
        assertThat(bridged(true, packets)).isEqualTo(plain);
        assertThat(coalesced).isEqualTo(joined);
    }

    // ---- what a socket receives

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aSocketReceivesEachDatagramByItself(boolean coalescing) throws IOException {
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            TapPort tap = datapath.add(TapPortConfig.named("t0").withNetns(namespace.path())
                .withCoalescing(coalescing));
            List<FlowPacket> packets = new ArrayList<>();
            Random random = new Random(9);
            byte[] mac = namespace.call(() -> {
                NetDevice.ipv4Address("t0", "10.9.0.1", 24);
                return NetDevice.hardwareAddress("t0");
            });
            while (packets.size() < 900) {
                FlowPacket first = Flows.packet(false, false, 8 + random.nextInt(300),
                    random.nextBoolean() ? Checksum.RIGHT : Checksum.PARTIAL);
                first.targetMac = mac;
                packets.addAll(Flows.run(first, 1 + random.nextInt(20)));
            }
            try (DatagramChannel socket = namespace.call(() -> DatagramChannel.open()
                .setOption(StandardSocketOptions.SO_RCVBUF, 8 << 20).bind(new InetSocketAddress(7777)))) {
                send(datapath, tap, packets);
                ByteBuffer datagram = ByteBuffer.allocate(70_000);
                for (FlowPacket packet : packets) {
                    socket.receive(datagram.clear());
                    assertThat(datagram.flip()).isEqualTo(ByteBuffer.wrap(packet.payload));
                }
            }
            PortStats stats = counted(datapath, packets);
            assertThat(stats.tx().drops()).isZero();
            assertThat(stats.coalesced() > 500).isEqualTo(coalescing);
        }
    }
}
