package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.GIVES;
import static dev.baton.datapath.OffloadKind.TAKES;
import static dev.baton.datapath.OffloadedFrames.SEND_BYTES;
import static dev.baton.datapath.OffloadedFrames.hex;
import static dev.baton.datapath.OffloadedFrames.receive;
import static dev.baton.datapath.OffloadedFrames.receiver;
import static dev.baton.datapath.OffloadedFrames.sender;
import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.OffloadedFrames.Arrived;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
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
    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            OffloadedFrames.checkTime("in vain");
        }
    }

    @ParameterizedTest
    @EnumSource(OffloadKind.class)
    void aReceiverThatTakesThemGetsFramesAsTheyWereSent(OffloadKind kind) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES | TAKES);
             TestGuest two = receiver(route, TestGuest.FEATURES | kind.needed)) {
            assertThat(one.features & (GIVES | TAKES)).as("offered to the first").isEqualTo(GIVES | TAKES);
            assertThat(two.features & TAKES).as("offered to the second").isEqualTo(kind.needed);
            FlowPacket packet = kind.packet(kind == OffloadKind.CHECKSUM ? 1000 : 60_001);
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
        return Stream.of(OffloadKind.values()).flatMap(kind -> Stream.of(
            // As guests are today, packed, without mergeable buffers, with headers of 10 bytes.
            TestGuest.FEATURES, TestGuest.PACKED, Features.VERSION_1, TestGuest.LEGACY_FEATURES)
            .map(features -> new Object[] {kind, features}));
    }

    @ParameterizedTest
    @MethodSource("receivers")
    void aReceiverThatTakesNoneGetsWhatTheyStandFor(OffloadKind kind, long features) throws ProtocolException {
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = receiver(route, features)) {
            FlowPacket packet = kind.packet(kind == OffloadKind.CHECKSUM ? 1001 : 60_001);
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
    @EnumSource(value = OffloadKind.class, mode = EnumSource.Mode.EXCLUDE, names = "CHECKSUM")
    void aReceiverThatTakesChecksumsOnlyIsLeftToFillThemIn(OffloadKind kind) throws ProtocolException {
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
        FlowPacket packet = OffloadKind.TSO4.packet(30_000);
        byte[] header = OffloadKind.TSO4.header(packet);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES)) {
            for (long takes : new long[] {TAKES, 0, Features.GUEST_CSUM, TAKES}) {
                try (TestGuest two = receiver(route, TestGuest.FEATURES | takes)) {
                    assertThat(one.send(0, header, packet.frame())).isTrue();
                    int frames = takes == TAKES ? 1 : OffloadKind.TSO4.cut(packet).size();
                    assertThat(receive(two, frames)).hasSize(frames);
                }
            }
            assertThat(route.drops()).isZero();
        }
    }

    /** What asks to be cut waits for buffers for all parts; what was there before arrives before it. */
    @Test
    void aReceiverThatIsSlowLosesNothing() throws ProtocolException {
        FlowPacket packet = OffloadKind.TSO4.packet(60_000);
        byte[] header = OffloadKind.TSO4.header(packet);
        List<String> expected = OffloadKind.TSO4.cut(packet);
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
        FlowPacket packet = OffloadKind.TSO4.packet(60_000);
        List<String> expected = OffloadKind.TSO4.cut(packet);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = TestGuest.connect(route.two.socketPath(),
                 TestGuest.Shape.of(TestGuest.FEATURES).withBuffers(16, 2048, 2048))) {
            for (int i = 1; i <= 10; i++) {
                assertThat(one.send(0, OffloadKind.TSO4.header(packet), packet.frame())).isTrue();
                assertThat(receive(two, 16).stream().map(Arrived::frame)).isEqualTo(expected.subList(0, 16));
                long dropped = (long) i * (expected.size() - 16);
                await(() -> route.stats("two").tx().dropsByReason().getOrDefault("no-room", 0L) == dropped);
            }
            route.transfer(one, two, 0, 500, i -> 60);
        }
    }

    /** A driver need not offer as many buffers as its ring has room for; what it has is all that can be waited for. */
    @Test
    void aReceiverWithFewBuffersGetsWhatItHasRoomFor() throws ProtocolException {
        FlowPacket packet = OffloadKind.TSO4.packet(60_000);
        List<String> expected = OffloadKind.TSO4.cut(packet);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = TestGuest.connect(route.two.socketPath(),
                 TestGuest.Shape.of(TestGuest.FEATURES).withOffered(20))) {
            assertThat(one.send(0, OffloadKind.TSO4.header(packet), packet.frame())).isTrue();
            assertThat(receive(two, 20).stream().map(Arrived::frame)).isEqualTo(expected.subList(0, 20));
            await(() -> route.stats("two").tx().dropsByReason().getOrDefault("no-room", 0L) == expected.size() - 20);
            route.transfer(one, two, 0, 500, i -> 60);
        }
    }

    /** A frame that is only summed up waits for its buffers like any other, in a ring that holds one and a half. */
    @Test
    void aFrameThatIsSummedUpWaitsForAllItsBuffers() throws ProtocolException {
        FlowPacket packet = OffloadKind.CHECKSUM.packet(1001);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, 1);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = TestGuest.connect(route.two.socketPath(),
                 TestGuest.Shape.of(TestGuest.FEATURES).withBuffers(16, 128, 2048))) {
            for (int i = 0; i < 20; i++) {
                assertThat(one.send(0, OffloadKind.CHECKSUM.header(packet), packet.frame())).isTrue();
            }
            List<String> all = new ArrayList<>();
            while (all.size() < 20) {
                receive(two, 1).forEach(arrived -> all.add(arrived.frame()));
            }
            assertThat(all).containsOnly(OffloadKind.CHECKSUM.cut(packet).getFirst());
            assertThat(route.drops()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"0,offload-not-negotiated", "1,malformed-offload", "2,malformed-offload", "3,malformed-offload"})
    void aFrameThatMayNotAskOrAsksForNonsenseIsDroppedWhoeverReceives(int wrong, String reason)
        throws ProtocolException {
        FlowPacket packet = OffloadKind.TSO4.packet(3000);
        byte[] header = OffloadKind.TSO4.header(packet);
        switch (wrong) {
            case 0 -> header[VirtioNetHeader.GSO_TYPE_OFFSET] = VirtioNetHeader.GSO_UDP;
            case 1 -> header[VirtioNetHeader.FLAGS_OFFSET] = 0;
            case 2 -> Arrays.fill(header, VirtioNetHeader.GSO_SIZE_OFFSET, VirtioNetHeader.CSUM_START_OFFSET, (byte) 0);
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
        FlowPacket packet = OffloadKind.TSO4.packet(30_000);
        byte[] header = OffloadKind.TSO4.header(packet);
        List<String> cut = OffloadKind.TSO4.cut(packet);
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
