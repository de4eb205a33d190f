package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Two guests on one wire: frames whose checksum or segmentation is left to the receiver reach one that takes them as
 * they are, and any other as the frames that its features allow.
 */
@Timeout(60)
class GuestOffloadsTest {
    private static final long GIVES = Features.CSUM | Features.HOST_TSO4 | Features.HOST_TSO6 | Features.HOST_ECN
        | Features.HOST_USO;
    private static final long TAKES = Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.GUEST_TSO6
        | Features.GUEST_ECN | Features.GUEST_USO4 | Features.GUEST_USO6;
    private static final int SEND_BYTES = 65_536;
    private static final int MSS = 1448;

    /** What a sender can leave to its receiver. */
    enum Kind {
        CHECKSUM(VirtioNetHeader.GSO_NONE, true, false, Features.GUEST_CSUM),
        TSO4(VirtioNetHeader.GSO_TCPV4, true, false, Features.GUEST_CSUM | Features.GUEST_TSO4),
        TSO6(VirtioNetHeader.GSO_TCPV6, true, true, Features.GUEST_CSUM | Features.GUEST_TSO6),
        TSO4_ECN(VirtioNetHeader.GSO_TCPV4 | VirtioNetHeader.GSO_ECN, true, false,
            Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.GUEST_ECN),
        TSO6_ECN(VirtioNetHeader.GSO_TCPV6 | VirtioNetHeader.GSO_ECN, true, true,
            Features.GUEST_CSUM | Features.GUEST_TSO6 | Features.GUEST_ECN),
        USO4(VirtioNetHeader.GSO_UDP_L4, false, false,
            Features.GUEST_CSUM | Features.GUEST_USO4 | Features.GUEST_USO6),
        USO6(VirtioNetHeader.GSO_UDP_L4, false, true,
            Features.GUEST_CSUM | Features.GUEST_USO4 | Features.GUEST_USO6);

        private final int gsoType;
        private final boolean tcp;
        private final boolean ipv6;
        private final long needed;

        Kind(int gsoType, boolean tcp, boolean ipv6, long needed) {
            this.gsoType = gsoType;
            this.tcp = tcp;
            this.ipv6 = ipv6;
            this.needed = needed;
        }

        FlowPacket packet(int payloadBytes) {
            FlowPacket packet = new FlowPacket();
            packet.tcp = tcp;
            packet.ipv6 = ipv6;
            packet.checksum = Checksum.PARTIAL;
            packet.sequence = 1_000_000;
            packet.flags = (gsoType & VirtioNetHeader.GSO_ECN) != 0 ? 0x98 : 0x18;
            packet.payload = new byte[payloadBytes];
            new Random(payloadBytes).nextBytes(packet.payload);
            return packet;
        }

        byte[] header(FlowPacket packet) {
            byte[] header = packet.header();
            header[VirtioNetHeader.GSO_TYPE_OFFSET] = (byte) gsoType;
            if (gsoType != VirtioNetHeader.GSO_NONE) {
                header[VirtioNetHeader.GSO_SIZE_OFFSET] = (byte) MSS;
                header[VirtioNetHeader.GSO_SIZE_OFFSET + 1] = (byte) (MSS >> 8);
            }
            return header;
        }

        /** What a receiver has to see that fills in nothing and cuts nothing, put together by hand. */
        List<String> cut(FlowPacket packet) {
            List<String> frames = new ArrayList<>();
            for (int at = 0; at < packet.payload.length; at += MSS) {
                int end = gsoType == VirtioNetHeader.GSO_NONE ? packet.payload.length : at + MSS;
                FlowPacket part = packet.copy();
                part.checksum = Checksum.RIGHT;
                part.payload = Arrays.copyOfRange(packet.payload, at, Math.min(packet.payload.length, end));
                part.id = packet.id + at / MSS;
                part.sequence = packet.sequence + at;
                part.flags = packet.flags & ~(at > 0 ? 0x80 : 0) & ~(end < packet.payload.length ? 0x08 : 0);
                frames.add(HexFormat.of().formatHex(part.frame()));
                at = gsoType == VirtioNetHeader.GSO_NONE ? packet.payload.length : at;
            }
            return frames;
        }
    }

    private static TestGuest sender(GuestRoute route, long features) throws ProtocolException {
        return TestGuest.connect(route.one.socketPath(),
            TestGuest.Shape.of(features).withBuffers(64, 2048, SEND_BYTES));
    }

    private static TestGuest receiver(GuestRoute route, long features) throws ProtocolException {
        return TestGuest.connect(route.two.socketPath(), TestGuest.Shape.of(features));
    }

    /** A frame as it arrives, in hex digits: its virtio-net header, up to num_buffers, and what Ethernet sees. */
    private record Arrived(String header, String frame) {
    }

    private static String hex(byte[] bytes, int from, int to) {
        return HexFormat.of().formatHex(bytes, from, to);
    }

    private static List<Arrived> receive(TestGuest guest, int count) {
        List<Arrived> arrived = new ArrayList<>();
        while (arrived.size() < count) {
            guest.receive(0, (address, length) -> {
                byte[] bytes = new byte[guest.headerBytes + length];
                RawMemory.copyToArray(address - guest.headerBytes, bytes, 0, bytes.length);
                arrived.add(new Arrived(hex(bytes, 0, VirtioNetHeader.LEGACY_LENGTH),
                    hex(bytes, guest.headerBytes, bytes.length)));
            });
            Thread.onSpinWait();
        }
        return arrived;
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            Thread.onSpinWait();
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aReceiverThatTakesThemGetsFramesAsTheyWereSent(Kind kind) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES | TAKES);
             TestGuest two = receiver(route, TestGuest.FEATURES | kind.needed)) {
            assertThat(one.features & (GIVES | TAKES)).as("offered to the first").isEqualTo(GIVES | TAKES);
            assertThat(two.features & TAKES).as("offered to the second").isEqualTo(kind.needed);
            FlowPacket packet = kind.packet(kind == Kind.CHECKSUM ? 1000 : 60_001);
            byte[] header = kind.header(packet);
            assertThat(one.send(0, header, packet.frame())).isTrue();
            Arrived arrived = receive(two, 1).getFirst();
            assertThat(arrived.header()).isEqualTo(hex(header, 0, VirtioNetHeader.LEGACY_LENGTH));
            assertThat(arrived.frame()).isEqualTo(HexFormat.of().formatHex(packet.frame()));
            assertThat(route.stats("two").softwareOffload()).isZero();
            assertThat(route.drops()).isZero();
        }
    }

    static Stream<Object[]> receivers() {
        return Stream.of(Kind.values()).flatMap(kind -> Stream.of(
            // As guests are today, packed, without mergeable buffers, with headers of 10 bytes.
            TestGuest.FEATURES, TestGuest.PACKED, Features.VERSION_1, TestGuest.LEGACY_FEATURES)
            .map(features -> new Object[] {kind, features}));
    }

    @ParameterizedTest
    @MethodSource("receivers")
    void aReceiverThatTakesNoneGetsWhatTheyStandFor(Kind kind, long features) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, features)) {
            FlowPacket packet = kind.packet(kind == Kind.CHECKSUM ? 1001 : 60_001);
            List<String> expected = kind.cut(packet);
            for (int i = 0; i < 50; i++) {
                assertThat(one.send(0, kind.header(packet), packet.frame())).isTrue();
                List<Arrived> arrived = receive(two, expected.size());
                assertThat(arrived.stream().map(Arrived::frame)).isEqualTo(expected);
                assertThat(arrived).allSatisfy(frame -> assertThat(frame.header()).isEqualTo("00".repeat(10)));
            }
            assertThat(route.stats("two").softwareOffload()).isEqualTo(50L * expected.size());
            assertThat(route.stats("one").rx().frames()).isEqualTo(50);
            assertThat(route.stats("two").tx().frames()).isEqualTo(50L * expected.size());
            assertThat(route.drops()).isZero();
        }
    }

    /** Fewer features than the frame needs, by one. */
    @ParameterizedTest
    @EnumSource(value = Kind.class, mode = EnumSource.Mode.EXCLUDE, names = "CHECKSUM")
    void aReceiverThatTakesChecksumsOnlyIsLeftToFillThemIn(Kind kind) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, TestGuest.FEATURES | Features.GUEST_CSUM)) {
            FlowPacket packet = kind.packet(20_000);
            assertThat(one.send(0, kind.header(packet), packet.frame())).isTrue();
            for (Arrived arrived : receive(two, kind.cut(packet).size())) {
                byte[] header = packet.header();
                assertThat(arrived.header()).isEqualTo("01" + "00".repeat(5) + hex(header, 6, 10));
            }
        }
    }

    /** The sender keeps what it acked, whoever comes after. */
    @Test
    void theReceiverMayComeAgainWithFewerFeaturesOrMore() throws ProtocolException {
        FlowPacket packet = Kind.TSO4.packet(30_000);
        byte[] header = Kind.TSO4.header(packet);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES)) {
            for (long takes : new long[] {TAKES, 0, Features.GUEST_CSUM, TAKES}) {
                try (TestGuest two = receiver(route, TestGuest.FEATURES | takes)) {
                    assertThat(one.send(0, header, packet.frame())).isTrue();
                    int frames = takes == TAKES ? 1 : Kind.TSO4.cut(packet).size();
                    assertThat(receive(two, frames)).hasSize(frames);
                }
            }
            assertThat(route.drops()).isZero();
        }
    }

    /** What asks to be cut waits for buffers for all parts; what was there before arrives before it. */
    @Test
    void aReceiverThatIsSlowLosesNothing() throws ProtocolException {
        FlowPacket packet = Kind.TSO4.packet(60_000);
        byte[] header = Kind.TSO4.header(packet);
        List<String> expected = Kind.TSO4.cut(packet);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, TestGuest.FEATURES)) {
            for (int i = 0; i < 30; i++) {
                assertThat(one.send(0, header, packet.frame())).isTrue();
            }
            List<String> all = new ArrayList<>();
            while (all.size() < 30 * expected.size()) {
                receive(two, 1).forEach(arrived -> all.add(arrived.frame()));
            }
            for (int i = 0; i < all.size(); i++) {
                assertThat(all.get(i)).isEqualTo(expected.get(i % expected.size()));
            }
            assertThat(route.drops()).isZero();
        }
    }

    /** A ring of 16 buffers never holds 42 parts: some are delivered, the others dropped, and the queue goes on. */
    @Test
    void aReceiverWithAShortRingGetsWhatItHasRoomFor() throws ProtocolException {
        FlowPacket packet = Kind.TSO4.packet(60_000);
        List<String> expected = Kind.TSO4.cut(packet);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = TestGuest.connect(route.two.socketPath(),
                 TestGuest.Shape.of(TestGuest.FEATURES).withBuffers(16, 2048, 2048))) {
            for (int i = 1; i <= 10; i++) {
                assertThat(one.send(0, Kind.TSO4.header(packet), packet.frame())).isTrue();
                assertThat(receive(two, 16).stream().map(Arrived::frame)).isEqualTo(expected.subList(0, 16));
                long dropped = (long) i * (expected.size() - 16);
                await(() -> route.stats("two").tx().dropsByReason().getOrDefault("no-room", 0L) == dropped);
            }
            route.transfer(one, two, 0, 500, i -> 60);
        }
    }

    @ParameterizedTest
    @CsvSource({"0,offload-not-negotiated", "1,malformed-offload", "2,malformed-offload", "3,malformed-offload"})
    void aFrameThatMayNotAskOrAsksForNonsenseIsDroppedWhoeverReceives(int wrong, String reason)
        throws ProtocolException {
        FlowPacket packet = Kind.TSO4.packet(3000);
        byte[] header = Kind.TSO4.header(packet);
        switch (wrong) {
            case 0 -> header[VirtioNetHeader.GSO_TYPE_OFFSET] = VirtioNetHeader.GSO_UDP;
            case 1 -> header[VirtioNetHeader.FLAGS_OFFSET] = 0;
            case 2 -> Arrays.fill(header, VirtioNetHeader.GSO_SIZE_OFFSET, VirtioNetHeader.GSO_SIZE_OFFSET + 2, (byte) 0);
            default -> header[VirtioNetHeader.CSUM_OFFSET_OFFSET + 1] = 0x10;
        }
        for (long takes : new long[] {0, TAKES}) {
            try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
                 TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
                 TestGuest two = receiver(route, TestGuest.FEATURES | takes)) {
                assertThat(one.send(0, header, packet.frame())).isTrue();
                await(() -> route.stats("two").tx().dropsByReason().getOrDefault(reason, 0L) == 1);
                route.transfer(one, two, 0, 100, i -> 60);
            }
        }
    }

    /** A port with {@code offloads=off} keeps the other one's guest from asking for what would be work here. */
    @Test
    void nothingIsOfferedWhenEitherPortHasOffloadsOff() throws Exception {
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort on = datapath.add(VhostUserPortConfig.listen("on", TestSockets.path("on")));
            VhostUserPort off = datapath.add(VhostUserPortConfig.listen("off", TestSockets.path("off"))
                .withOffloads(false));
            datapath.wire(on, off);
            for (VhostUserPort port : List.of(on, off)) {
                try (TestGuest guest = TestGuest.connect(port.socketPath(), 1,
                    TestGuest.FEATURES | GIVES | TAKES)) {
                    assertThat(guest.features).isEqualTo(TestGuest.FEATURES);
                }
            }
        }
    }

    /** Both owners go by the features that the guests acked at the first. */
    @Test
    void offloadsGoOnAfterAHandover() throws Exception {
        FlowPacket packet = Kind.TSO4.packet(30_000);
        byte[] header = Kind.TSO4.header(packet);
        List<String> cut = Kind.TSO4.cut(packet);
        HandoverOptions options = HandoverOptions.defaults().withRehearsals(0);
        Datapath owner = Datapath.launch(DatapathConfig.defaults());
        try {
            VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
            VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
            owner.wire(a, b);
            try (TestGuest one = TestGuest.connect(a.socketPath(), TestGuest.Shape.of(
                     TestGuest.FEATURES | GIVES | TAKES).withBuffers(64, 2048, SEND_BYTES));
                 TestGuest two = TestGuest.connect(b.socketPath(), TestGuest.Shape.of(
                     TestGuest.FEATURES | GIVES).withBuffers(256, 2048, SEND_BYTES))) {
                for (int i = 0; i < 3; i++) {
                    assertThat(one.send(0, header, packet.frame())).isTrue();
                    assertThat(receive(two, cut.size()).stream().map(Arrived::frame)).isEqualTo(cut);
                    assertThat(two.send(0, header, packet.frame())).isTrue();
                    assertThat(receive(one, 1).getFirst().header()).isEqualTo(hex(header, 0, 10));
                    owner = HandoverPair.attempt(owner, options, options).datapath();
                }
            }
        } finally {
            owner.close();
        }
    }
}
