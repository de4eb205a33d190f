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
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
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
            coalesced = Objects.requireNonNull(datapath.counters().ports().get("t0")).coalesced();
            assertThat(Objects.requireNonNull(datapath.counters().ports().get("t0")).tx().drops()).isZero();
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
                    frames.add(HexFormat.of().formatHex(atomic(frame)));
                }
            }
        }
    }

    /** Without the identification where nobody may look at it (RFC 6864, 4.1), and what it does to the checksum. */
    private static byte[] atomic(byte[] frame) {
        if (frame[12] == 8 && frame[14] >> 4 == 4 && frame[20] == 0x40) {
            Arrays.fill(frame, 18, 20, (byte) 0);
            Arrays.fill(frame, 24, 26, (byte) 0);
        }
        return frame;
    }

    private static List<FlowPacket> run(FlowPacket first, int count) {
        List<FlowPacket> packets = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            FlowPacket packet = first.copy();
            packet.id = first.id + i;
            packet.sequence = first.sequence + (long) i * first.payload.length;
            packet.payload = first.payload.clone();
            new Random(i).nextBytes(packet.payload);
            packets.add(packet);
        }
        return packets;
    }

    private static FlowPacket packet(boolean ipv6, boolean tcp, int payloadBytes, Checksum checksum) {
        FlowPacket packet = new FlowPacket();
        packet.ipv6 = ipv6;
        packet.tcp = tcp;
        packet.payload = new byte[payloadBytes];
        packet.checksum = checksum;
        packet.id = 0xFFFE;
        packet.sequence = 0xFFFF_FFFFL - 500;
        return packet;
    }

    static Stream<FlowPacket> flows() {
        return Stream.of(false, true).flatMap(ipv6 -> Stream.of(false, true).flatMap(tcp ->
            Stream.of(Checksum.RIGHT, Checksum.PARTIAL).flatMap(checksum -> Stream.of(64, 101, 1448, 4001)
                .map(bytes -> packet(ipv6, tcp, bytes, checksum)))));
    }

    /** Small and large ones, of even and odd length, of one segment and of several. */
    @ParameterizedTest
    @MethodSource("flows")
    void framesOfOneFlowAreJoinedAndLeaveAsTheyWere(FlowPacket flow) {
        List<FlowPacket> packets = run(flow, 20);
        assertSame(packets, 20);
    }

    /** Longer than any burst, and than what one frame can be. */
    @Test
    void aLongRunIsJoinedInPieces() {
        assertSame(run(packet(false, false, 700, Checksum.RIGHT), 500), 500);
        assertSame(run(packet(true, true, 100, Checksum.RIGHT), 500), 500);
    }

    @Test
    void theLastOneMayBeShorterAndPushed() {
        List<FlowPacket> packets = new ArrayList<>(run(packet(false, true, 200, Checksum.RIGHT), 4));
        packets.get(3).payload = new byte[33];
        packets.get(3).flags = 0x18;
        packets.addAll(run(packet(true, false, 200, Checksum.RIGHT), 3));
        packets.get(6).payload = new byte[1];
        assertSame(packets, 7);
    }

    @Test
    void optionsOfTcpAreKept() {
        FlowPacket flow = packet(true, true, 300, Checksum.RIGHT);
        flow.tcpOptions = new byte[] {1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7};
        assertSame(run(flow, 5), 5);
    }

    @Test
    void twoFlowsThatAlternateKeepTheirOrder() {
        List<FlowPacket> one = run(packet(false, false, 64, Checksum.RIGHT), 10);
        FlowPacket other = packet(false, false, 64, Checksum.RIGHT);
        other.sourcePort = 6000;
        List<FlowPacket> packets = new ArrayList<>();
        for (FlowPacket packet : one) {
            packets.add(packet);
            packets.add(other);
        }
        assertSame(packets, 0);
    }

    /** What is different in one frame of ten, by name. */
    private static final Map<String, Consumer<FlowPacket>> ODDITIES = Map.ofEntries(
        Map.entry("another MAC address", packet -> packet.targetMac = new byte[] {2, 0, 0, 0, 0, 3}),
        Map.entry("another address", packet -> packet.target = new byte[] {10, 9, 0, 4}),
        Map.entry("another port", packet -> packet.targetPort++),
        Map.entry("another TOS, as by ECN", packet -> packet.trafficClass = 3),
        Map.entry("another TTL", packet -> packet.ttl--),
        Map.entry("an identification out of turn", packet -> packet.id += 2),
        Map.entry("fragments allowed", packet -> packet.fragment = 0),
        Map.entry("a fragment", packet -> packet.fragment = 0x2000),
        Map.entry("a later fragment", packet -> packet.fragment = 4),
        Map.entry("the reserved bit", packet -> packet.fragment |= 0x8000),
        Map.entry("options of IPv4", packet -> packet.ipOptions = new byte[] {1, 1, 1, 0}),
        Map.entry("a wrong IPv4 checksum", packet -> packet.wrongIpChecksum = true),
        Map.entry("a wrong checksum", packet -> packet.checksum = Checksum.WRONG),
        Map.entry("no checksum", packet -> packet.checksum = Checksum.NONE),
        Map.entry("a wrong start of a checksum", packet -> packet.checksum = Checksum.PARTIAL_WRONG),
        Map.entry("padding", packet -> packet.padding = new byte[] {0, 0, 0}),
        Map.entry("a VLAN tag", packet -> packet.vlan = true),
        Map.entry("nothing in it", packet -> packet.payload = new byte[0]));

    private static final Map<String, Consumer<FlowPacket>> ODDITIES_OF_TCP = Map.ofEntries(
        Map.entry("a sequence number out of turn", packet -> packet.sequence++),
        Map.entry("another acknowledgement", packet -> packet.acknowledged++),
        Map.entry("another window", packet -> packet.window++),
        Map.entry("CWR", packet -> packet.flags |= 0x80),
        Map.entry("ECE", packet -> packet.flags |= 0x40),
        Map.entry("URG", packet -> packet.flags |= 0x20),
        Map.entry("SYN", packet -> packet.flags |= 0x02),
        Map.entry("FIN", packet -> packet.flags |= 0x01),
        Map.entry("RST", packet -> packet.flags |= 0x04),
        Map.entry("no ACK", packet -> packet.flags = 0),
        Map.entry("options", packet -> packet.tcpOptions = new byte[] {1, 1, 1, 1}));

    static Stream<String> oddities() {
        return ODDITIES.keySet().stream().sorted();
    }

    static Stream<String> odditiesOfTcp() {
        return Stream.concat(ODDITIES.keySet().stream(), ODDITIES_OF_TCP.keySet().stream()).sorted();
    }

    @ParameterizedTest
    @MethodSource("oddities")
    void aDatagramThatIsOddGoesAsItIs(String name) {
        List<FlowPacket> packets = run(packet(false, false, 100, Checksum.RIGHT), 10);
        Objects.requireNonNull(ODDITIES.get(name)).accept(packets.get(5));
        assertSame(packets, 9);
    }

    @ParameterizedTest
    @MethodSource("odditiesOfTcp")
    void aSegmentThatIsOddGoesAsItIs(String name) {
        List<FlowPacket> packets = run(packet(false, true, 100, Checksum.RIGHT), 10);
        Objects.requireNonNull(ODDITIES_OF_TCP.getOrDefault(name, ODDITIES.get(name))).accept(packets.get(5));
        assertSame(packets, 9);
    }

    /** Whatever follows whatever: of two flows, of all kinds and sizes, right and wrong. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void aMixtureLeavesAsItEntered(long seed) {
        Random random = new Random(seed);
        List<Consumer<FlowPacket>> oddities = new ArrayList<>(ODDITIES.values());
        List<FlowPacket> packets = new ArrayList<>();
        while (packets.size() < 600) {
            FlowPacket first = packet(random.nextBoolean(), random.nextBoolean(), 1 + random.nextInt(300),
                random.nextBoolean() ? Checksum.RIGHT : Checksum.PARTIAL);
            first.sourcePort += random.nextInt(2);
            List<FlowPacket> run = run(first, 1 + random.nextInt(20));
            for (FlowPacket packet : run) {
                if (random.nextInt(8) == 0) {
                    oddities.get(random.nextInt(oddities.size())).accept(packet);
                }
                if (random.nextInt(16) == 0) {
                    packet.payload = new byte[1 + random.nextInt(300)];
                }
            }
            packets.addAll(run);
        }
        List<String> plain = bridged(false, packets);
        assertThat(coalesced).isZero();
        assertThat(bridged(true, packets)).isEqualTo(plain);
        assertThat(coalesced).isGreaterThan(100);
    }

    /** With an identification that counts, or stands still where fragments are forbidden; and not where it matters. */
    @Test
    void theIdentificationCountsOrDoesNotMatter() {
        FlowPacket counting = packet(false, false, 64, Checksum.RIGHT);
        counting.fragment = 0;
        assertSame(run(counting, 8), 8);
        FlowPacket standing = packet(false, false, 64, Checksum.RIGHT);
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
                FlowPacket first = packet(false, false, 8 + random.nextInt(300),
                    random.nextBoolean() ? Checksum.RIGHT : Checksum.PARTIAL);
                first.targetMac = mac;
                packets.addAll(run(first, 1 + random.nextInt(20)));
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
            PortStats stats = Objects.requireNonNull(datapath.counters().ports().get("t0"));
            assertThat(stats.tx().drops()).isZero();
            assertThat(stats.coalesced() > 500).isEqualTo(coalescing);
        }
    }
}
