package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.GIVES;
import static dev.baton.datapath.OffloadKind.TAKES;
import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.datapath.OffloadedFrames.Arrived;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A guest whose stack cuts again what was joined for it gets what it gets without: the frames that another guest sent,
 * byte for byte and in their order.
 *
 * <pre>
 *   the test, as a guest = one (Baton) two = the test, as a guest that takes segmented frames, and cuts them
 * </pre>
 */
@Timeout(120)
class GuestCoalescingTest {
    private static final int SEND_BYTES = 8192;
    private static final long SENDS = TestGuest.FEATURES | Features.CSUM;

    private long coalesced;
    /** The virtio-net headers of what arrived. */
    private List<ByteBuffer> headers = List.of();

    private static TestGuest sender(GuestRoute route, long features) throws ProtocolException {
        return TestGuest.connect(route.one.socketPath(), TestGuest.Shape.of(features)
            .withBuffers(TestGuest.SIZE, 2048, SEND_BYTES));
    }

    /** What arrives, cut, when these packets wait in the virtqueue. */
    private List<String> through(boolean coalescing, FlowReceiver receiver, List<FlowPacket> packets)
        throws ProtocolException {
        try (GuestRoute route = new GuestRoute(coalescing);
             TestGuest one = sender(route, SENDS);
             TestGuest two = TestGuest.connect(route.two.socketPath(), receiver.shape())) {
            assertThat(two.features & TAKES).as("offered to the receiver").isEqualTo(TAKES);
            List<String> frames = exchange(one, two, packets);
            long bytes = packets.stream().mapToLong(packet -> packet.frame().length).sum();
            Patience.counted(packets.size(), () -> route.stats("one").rx().frames());
            Patience.counted(packets.size(), () -> route.stats("two").tx().frames());
            Patience.counted(bytes, () -> route.stats("one").rx().bytes());
            Patience.counted(bytes, () -> route.stats("two").tx().bytes());
            coalesced = route.stats("two").coalesced();
            assertThat(route.drops()).isZero();
            return frames;
        }
    }

    private List<String> exchange(TestGuest from, TestGuest to, List<FlowPacket> packets) {
        headers = new ArrayList<>();
        int sent = 0;
        try (CutFrames cut = new CutFrames()) {
            while (cut.frames().size() < packets.size()) {
                while (sent < packets.size() && put(from, packets.get(sent), sent)) {
                    sent++;
                }
                from.publish(0);
                to.receive(0, (address, length) -> received(cut, address, length));
                OffloadedFrames.checkTime(cut.frames().size() + " of " + packets.size() + " frames arrived");
            }
            return cut.frames();
        }
    }

    /** In one descriptor, and every other time in two, of which the first has the headers and more. */
    private static boolean put(TestGuest guest, FlowPacket packet, int number) {
        byte[] header = packet.header();
        byte[] frame = packet.frame();
        return guest.put(0, header, frame, header.length + frame.length - number % 2 * (packet.payload.length / 3));
    }

    private void received(CutFrames cut, long address, int length) {
        byte[] header = new byte[VirtioNetHeader.LENGTH];
        byte[] frame = new byte[length];
        RawMemory.copyToArray(address - header.length, header, 0, header.length);
        RawMemory.copyToArray(address, frame, 0, length);
        headers.add(ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN));
        assertThat(cut.add(header, frame)).as("frames of one").isPositive();
    }

    private void assertSame(FlowReceiver receiver, List<FlowPacket> packets, int joined) throws ProtocolException {
        List<String> expected = CutFrames.of(packets);
        assertThat(through(false, receiver, packets)).isEqualTo(expected);
        assertThat(coalesced).isZero();
        assertThat(headers).hasSameSizeAs(packets);
        assertThat(through(true, receiver, packets)).isEqualTo(expected);
        assertThat(coalesced).isEqualTo(joined);
    }

    static Stream<Object[]> flows() {
        return Stream.of(FlowReceiver.values())
            .flatMap(receiver -> Flows.flows().map(flow -> new Object[] {receiver, flow}));
    }

    /** Of all kinds and lengths, and with the header that says how they were put together (virtio 1.2, 5.1.6). */
    @ParameterizedTest
    @MethodSource("flows")
    void framesOfOneFlowArriveAsOneAndAreCutToWhatTheyWere(FlowReceiver receiver, FlowPacket flow)
        throws ProtocolException {
        assertSame(receiver, Flows.run(flow, 20), 20);
        int headerBytes = flow.frame().length - flow.payload.length;
        int most = (0xFFFF - headerBytes + 14) / flow.payload.length;
        assertThat(headers).hasSize((20 + most - 1) / most);
        ByteBuffer header = headers.getFirst();
        assertThat(header.get(VirtioNetHeader.FLAGS_OFFSET)).isEqualTo((byte) VirtioNetHeader.NEEDS_CSUM);
        assertThat(header.get(VirtioNetHeader.GSO_TYPE_OFFSET)).isEqualTo((byte) (!flow.tcp
            ? VirtioNetHeader.GSO_UDP_L4 : flow.ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4));
        assertThat(header.getShort(VirtioNetHeader.HEADER_BYTES_OFFSET)).isEqualTo((short) headerBytes);
        assertThat(header.getShort(VirtioNetHeader.GSO_SIZE_OFFSET)).isEqualTo((short) flow.payload.length);
        assertThat(header.getShort(VirtioNetHeader.CSUM_START_OFFSET)).isEqualTo((short) (flow.ipv6 ? 54 : 34));
        assertThat(header.getShort(VirtioNetHeader.CSUM_OFFSET_OFFSET)).isEqualTo((short) (flow.tcp ? 16 : 6));
    }

    @Test
    void theLastOneMayBeShorterAndPushed() throws ProtocolException {
        List<FlowPacket> packets = new ArrayList<>(Flows.run(Flows.packet(false, true, 200, Checksum.RIGHT), 4));
        packets.get(3).payload = new byte[33];
        packets.get(3).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(true, false, 200, Checksum.RIGHT), 3));
        packets.get(6).payload = new byte[1];
        assertSame(FlowReceiver.MERGEABLE, packets, 7);
        assertThat(headers).hasSize(2);
    }

    @ParameterizedTest
    @MethodSource("dev.baton.datapath.Flows#oddities")
    void aDatagramThatIsOddGoesAsItIs(String name) throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 10);
        Flows.makeOdd(packets.get(5), name);
        assertSame(FlowReceiver.MERGEABLE, packets, 9);
    }

    @ParameterizedTest
    @MethodSource("dev.baton.datapath.Flows#odditiesOfTcp")
    void aSegmentThatIsOddGoesAsItIs(String name) throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 10);
        Flows.makeOdd(packets.get(5), name);
        assertSame(FlowReceiver.PACKED, packets, 9);
    }

    static Stream<Object[]> mixtures() {
        return Stream.of(FlowReceiver.values())
            .flatMap(receiver -> LongStream.range(1, 6).mapToObj(seed -> new Object[] {receiver, seed}));
    }

    /** Whatever follows whatever, longer than any burst and any ring. */
    @ParameterizedTest
    @MethodSource("mixtures")
    void aMixtureArrivesAsItWasSent(FlowReceiver receiver, long seed) throws ProtocolException {
        List<FlowPacket> packets = Flows.mixture(seed, 1500);
        List<String> expected = CutFrames.of(packets);
        assertThat(through(true, receiver, packets)).isEqualTo(expected);
        assertThat(coalesced).isGreaterThan(300);
        assertThat(through(false, receiver, packets)).isEqualTo(expected);
        assertThat(coalesced).isZero();
    }

    // ---- who gets them

    /** USO is one bit in a frame and two in the features: with one of them alone, datagrams come as they are. */
    @ParameterizedTest
    @CsvSource({"none,0", "CSUM,0", "TSO4 TSO6 USO4 USO6,0", "CSUM TSO4,4", "CSUM TSO6,8", "CSUM USO4,0",
        "CSUM USO6,0", "CSUM USO4 USO6,3", "CSUM TSO4 TSO6 USO4 USO6,15"})
    void aGuestGetsWhatItTakes(String takes, int joined) throws ProtocolException {
        long features = TestGuest.FEATURES | OffloadKind.taken(takes);
        // As many of each kind as a bit of the number expected.
        List<FlowPacket> packets = new ArrayList<>();
        packets.addAll(Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 3));
        packets.addAll(Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 4));
        packets.addAll(Flows.run(Flows.packet(true, true, 100, Checksum.RIGHT), 8));
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, SENDS);
             TestGuest two = OffloadedFrames.receiver(route, features)) {
            assertThat(exchange(one, two, packets)).isEqualTo(CutFrames.of(packets));
            Patience.counted(joined, () -> route.stats("two").coalesced());
            assertThat(route.drops()).isZero();
        }
    }

    /** Headers of 10 bytes: they are there for guests that know nothing of it all. */
    @Test
    void aLegacyGuestGetsFramesAsTheyAre() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 30);
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, SENDS);
             TestGuest two = OffloadedFrames.receiver(route, TestGuest.LEGACY_FEATURES | TAKES)) {
            for (FlowPacket packet : packets) {
                assertThat(put(one, packet, 0)).isTrue();
            }
            one.publish(0);
            List<Arrived> got = OffloadedFrames.receive(two, 30);
            assertThat(got.stream().map(Arrived::frame)).isEqualTo(packets.stream()
                .map(packet -> HexFormat.of().formatHex(packet.frame())).toList());
            assertThat(route.stats("two").coalesced()).isZero();
        }
    }

    /** The option is that of the port which frames leave by. */
    @Test
    void theOtherDirectionIsAsItWas() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 30);
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = TestGuest.connect(route.one.socketPath(), FlowReceiver.MERGEABLE.shape());
             TestGuest two = TestGuest.connect(route.two.socketPath(), TestGuest.Shape.of(SENDS))) {
            assertThat(exchange(two, one, packets)).isEqualTo(CutFrames.of(packets));
            assertThat(headers).hasSize(30);
            assertThat(route.stats("one").coalesced() + route.stats("two").coalesced()).isZero();
        }
    }

    /** What each guest takes and may ask for is learnt anew with each guest. */
    @Test
    void theReceiverMayComeAgainWithFewerFeaturesOrMore() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 30);
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, SENDS)) {
            for (long takes : new long[] {TAKES, 0, Features.GUEST_CSUM, TAKES}) {
                try (TestGuest two = OffloadedFrames.receiver(route, TestGuest.FEATURES | takes)) {
                    assertThat(exchange(one, two, packets)).isEqualTo(CutFrames.of(packets));
                    assertThat(headers).hasSize(takes == TAKES ? 1 : 30);
                }
            }
            assertThat(route.drops()).isZero();
        }
    }

    /** What may not be sent alone does not pass in company. */
    @Test
    void aSenderThatMayNotLeaveChecksumsGetsNoneThrough() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 12);
        packets.get(0).checksum = Checksum.PARTIAL;
        packets.get(5).checksum = Checksum.PARTIAL;
        packets.get(6).checksum = Checksum.PARTIAL;
        List<FlowPacket> rest = packets.stream().filter(packet -> packet.checksum == Checksum.RIGHT).toList();
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, TestGuest.FEATURES);
             TestGuest two = TestGuest.connect(route.two.socketPath(), FlowReceiver.MERGEABLE.shape());
             CutFrames cut = new CutFrames()) {
            for (FlowPacket packet : packets) {
                assertThat(put(one, packet, 0)).isTrue();
            }
            one.publish(0);
            headers = new ArrayList<>();
            while (cut.frames().size() < rest.size()) {
                two.receive(0, (address, length) -> received(cut, address, length));
                OffloadedFrames.checkTime("in vain");
            }
            assertThat(cut.frames()).isEqualTo(CutFrames.of(rest));
            assertThat(headers).hasSize(2);
            Patience.counted(3, () -> route.stats("two").tx().drops());
            assertThat(route.stats("two").tx().dropsByReason()).containsEntry("offload-not-negotiated", 3L);
        }
    }

    /** What a guest left to be cut is none of a run, and neither is what comes before or after it. */
    @Test
    void framesThatAreSegmentedAlreadyGoAsTheyAre() throws ProtocolException {
        FlowPacket large = OffloadKind.TSO4.packet(4000);
        List<FlowPacket> small = Flows.run(Flows.packet(false, true, 100, Checksum.PARTIAL), 6);
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, TestGuest.FEATURES | GIVES);
             TestGuest two = TestGuest.connect(route.two.socketPath(), FlowReceiver.MERGEABLE.shape());
             CutFrames cut = new CutFrames()) {
            for (int i = 0; i < 6; i++) {
                assertThat(put(one, small.get(i), 0)).isTrue();
                if (i % 3 == 2) {
                    byte[] frame = large.frame();
                    assertThat(one.put(0, OffloadKind.TSO4.header(large), frame,
                        VirtioNetHeader.LENGTH + frame.length)).isTrue();
                }
            }
            one.publish(0);
            headers = new ArrayList<>();
            while (headers.size() < 4) {
                two.receive(0, (address, length) -> received(cut, address, length));
                OffloadedFrames.checkTime("in vain");
            }
            List<String> expected = new ArrayList<>(CutFrames.of(small.subList(0, 3)));
            expected.addAll(OffloadKind.TSO4.cut(large).stream()
                .map(frame -> HexFormat.of().formatHex(Flows.atomic(HexFormat.of().parseHex(frame)))).toList());
            List<String> first = List.copyOf(expected);
            expected.addAll(CutFrames.of(small.subList(3, 6)));
            expected.addAll(first.subList(3, first.size()));
            assertThat(cut.frames()).isEqualTo(expected);
            Patience.counted(6, () -> route.stats("two").coalesced());
        }
    }

    // ---- too few buffers, and hostile senders

    /** A driver that offers few buffers and adds more only when it got something: nobody waits for a longer frame. */
    @ParameterizedTest
    @CsvSource({"FEATURES,1", "FEATURES,3", "PACKED,2", "PACKED,7"})
    void aDriverThatOffersFewBuffersIsNotKeptWaiting(String format, int offered) throws ProtocolException {
        long features = format.equals("PACKED") ? TestGuest.PACKED : TestGuest.FEATURES;
        List<FlowPacket> packets = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            packets.addAll(Flows.run(Flows.packet(i % 2 == 0, i % 3 == 0, 1448, Checksum.RIGHT), 20));
        }
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, SENDS);
             TestGuest two = TestGuest.connect(route.two.socketPath(), TestGuest.Shape.of(features | TAKES)
                 .withOffered(offered))) {
            assertThat(exchange(one, two, packets)).isEqualTo(CutFrames.of(packets));
            assertThat(route.drops()).isZero();
            // What is longer than one buffer needs two.
            assertThat(route.stats("two").coalesced() > 0).isEqualTo(offered > 1);
        }
    }

    /** A ring that holds one joined frame at a time. */
    @Test
    void aReceiverThatIsSlowLosesNothing() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, true, 1448, Checksum.PARTIAL), 2000);
        try (GuestRoute route = new GuestRoute(true);
             TestGuest one = sender(route, SENDS);
             TestGuest two = TestGuest.connect(route.two.socketPath(), TestGuest.Shape.of(TestGuest.FEATURES | TAKES)
                 .withBuffers(32, 1536, 2048))) {
            assertThat(exchange(one, two, packets)).isEqualTo(CutFrames.of(packets));
            assertThat(route.drops()).isZero();
        }
    }

    /** Whatever it turns them into: what arrives can be cut, and the next guest's frames are whole. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSenderThatChangesItsFramesMeanwhileSpoilsOnlyWhatItSends(boolean tcp) throws Exception {
        try (GuestRoute route = new GuestRoute(true);
             TestGuest two = TestGuest.connect(route.two.socketPath(), FlowReceiver.MERGEABLE.shape())) {
            try (TestGuest one = sender(route, SENDS); CutFrames cut = new CutFrames()) {
                AtomicBoolean stop = new AtomicBoolean();
                Thread spoiler = spoiler(one.sendSlots(0), stop);
                headers = new ArrayList<>();
                FlowPacket packet = Flows.packet(false, tcp, 100, Checksum.PARTIAL);
                spoiler.start();
                while (headers.size() < 20_000) {
                    for (int i = 0; i < 64; i++) {
                        packet.sequence += 100;
                        packet.id++;
                        put(one, packet, 0);
                    }
                    one.publish(0);
                    two.receive(0, (address, length) -> received(cut, address, length));
                    OffloadedFrames.checkTime(headers.size() + " frames arrived");
                }
                stop.set(true);
                spoiler.join();
                assertThat(route.stats("two").coalesced()).isPositive();
                assertThat(route.stats("two").tx().dropsByReason()).doesNotContainKey("no-room");
            }
            List<FlowPacket> packets = Flows.run(Flows.packet(true, tcp, 100, Checksum.RIGHT), 50);
            try (TestGuest one = sender(route, SENDS)) {
                two.receive(0, (address, length) -> { });
                assertThat(exchange(one, two, packets)).isEqualTo(CutFrames.of(packets));
            }
        }
    }

    /** Writes into the headers of frames, as long as it is not stopped. */
    private static Thread spoiler(List<Long> slots, AtomicBoolean stop) {
        return Thread.ofPlatform().daemon().unstarted(() -> {
            Random random = new Random(5);
            while (!stop.get()) {
                long slot = slots.get(random.nextInt(slots.size()));
                RawMemory.putByte(slot + random.nextInt(VirtioNetHeader.LENGTH + 60), (byte) random.nextInt());
            }
        });
    }
}
