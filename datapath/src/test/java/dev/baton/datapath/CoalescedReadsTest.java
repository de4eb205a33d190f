package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.TAKES;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.VirtioNetHeader;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A guest whose stack cuts again what was joined for it on the way from a TAP gets what it gets without: the frames
 * that a bridge sent into the TAP, byte for byte and in their order.
 *
 * <pre>
 *   the test = t0 -- bridge -- t1 (Baton) = the test, as a guest that takes segmented frames, and cuts them
 * </pre>
 */
@Timeout(60)
class CoalescedReadsTest {
    /** As many as a burst has: of the frames that wait, the first is read by itself and shows that others follow. */
    private static final int BURST = Transfer.BURST;

    private BridgedTap tap;

    @BeforeEach
    void open() {
        tap = new BridgedTap();
    }

    @AfterEach
    void close() {
        if (tap != null) {
            tap.close();
        }
    }

    /** What arrives of them without coalescing arrives with it; returns how many were joined. */
    private long assertSame(TestGuest.Shape shape, List<FlowPacket> packets) throws ProtocolException {
        List<String> plain = through(false, shape, packets);
        // A bridge drops what has a wrong IPv4 checksum.
        assertThat(plain).hasSizeBetween(packets.size() - 1, packets.size());
        assertThat(tap.stats("guest").coalesced()).isZero();
        assertThat(through(true, shape, packets)).isEqualTo(plain);
        return tap.stats("guest").coalesced();
    }

    private List<String> through(boolean coalescing, TestGuest.Shape shape, List<FlowPacket> packets)
        throws ProtocolException {
        tap.relaunch(coalescing);
        try (TestGuest guest = tap.connect(shape)) {
            assertThat(guest.features & TAKES).as("offered").isEqualTo(TAKES);
            List<String> frames = tap.exchange(guest, packets);
            Patience.await("all is counted", () -> tap.stats("guest").tx().frames() == tap.stats("t1").rx().frames());
            assertThat(tap.stats("guest").tx().bytes()).isEqualTo(tap.stats("t1").rx().bytes());
            assertThat(tap.stats("guest").tx().drops()).isZero();
            return frames;
        }
    }

    static Stream<Object[]> flows() {
        Stream<Object[]> all = Flows.flows().map(flow -> new Object[] {FlowReceiver.MERGEABLE, flow});
        return Stream.concat(all, Stream.of(FlowReceiver.values())
            .filter(receiver -> receiver != FlowReceiver.MERGEABLE)
            .flatMap(receiver -> Stream.of(101, 4001).map(bytes -> new Object[] {receiver,
                Flows.packet(bytes == 101, bytes == 101, bytes, Checksum.RIGHT)})));
    }

    /** Of all kinds and lengths, into buffers of all kinds. */
    @ParameterizedTest
    @MethodSource("flows")
    void framesOfOneFlowArriveAsOneAndAreCutToWhatTheyWere(FlowReceiver receiver, FlowPacket flow)
        throws ProtocolException {
        // The first one that is longer than a buffer is read by itself in any case.
        assertThat(assertSame(receiver.shape(), Flows.run(flow, 20))).isBetween(18L, 19L);
        int headerBytes = flow.frame().length - flow.payload.length;
        int most = (0xFFFF - headerBytes + 14) / flow.payload.length;
        assertThat(tap.arrived()).isBetween(1 + (19 + most - 1) / most, 2 + (18 + most - 1) / most);
    }

    /** Longer than any burst. */
    @Test
    void aLongRunIsJoinedInPieces() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 10 * BURST);
        assertThat(assertSame(FlowReceiver.MERGEABLE.shape(), packets)).isEqualTo(10 * BURST - 1);
        assertThat(tap.arrived()).isEqualTo(11);
    }

    @Test
    void theLastOneMayBeShorterAndPushed() throws ProtocolException {
        List<FlowPacket> packets = new ArrayList<>(Flows.run(Flows.packet(false, true, 200, Checksum.RIGHT), 5));
        packets.get(4).payload = new byte[33];
        packets.get(4).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(true, false, 200, Checksum.RIGHT), 3));
        packets.get(7).payload = new byte[1];
        assertThat(assertSame(FlowReceiver.MERGEABLE.shape(), packets)).isEqualTo(7);
        assertThat(tap.arrived()).isEqualTo(3);
    }

    @Test
    void datagramsThatAreOddGoAsTheyAre() throws ProtocolException {
        assertOddOnesPass(FlowReceiver.MERGEABLE, false, Flows.oddities().toList());
    }

    @Test
    void segmentsThatAreOddGoAsTheyAre() throws ProtocolException {
        assertOddOnesPass(FlowReceiver.PACKED, true, Flows.odditiesOfTcp().toList());
    }

    /** One odd frame in the middle of each run; the runs are long enough for it to be worth it. */
    private void assertOddOnesPass(FlowReceiver receiver, boolean tcp, List<String> oddities)
        throws ProtocolException {
        List<FlowPacket> packets = new ArrayList<>();
        for (String oddity : oddities) {
            FlowPacket first = Flows.packet(false, tcp, 100, Checksum.RIGHT);
            first.sourcePort += packets.size();
            List<FlowPacket> run = Flows.run(first, 28);
            Flows.makeOdd(run.get(14), oddity);
            packets.addAll(run);
        }
        assertThat(assertSame(receiver.shape(), packets)).isGreaterThan(20L * oddities.size());
    }

    static Stream<Object[]> mixtures() {
        return Stream.of(FlowReceiver.values())
            .flatMap(receiver -> LongStream.range(1, 3).mapToObj(seed -> new Object[] {receiver, seed}));
    }

    /** Whatever follows whatever, in runs that are worth it and in such that are not. */
    @ParameterizedTest
    @MethodSource("mixtures")
    void aMixtureArrivesAsItWasSent(FlowReceiver receiver, long seed) throws ProtocolException {
        List<FlowPacket> packets = Flows.mixture(seed, 600);
        List<String> plain = through(false, receiver.shape(), packets);
        assertThat(through(true, receiver.shape(), packets)).isEqualTo(plain);
        assertThat(tap.stats("guest").coalesced()).isPositive();
    }

    /** They keep their order; and none is read in pieces in vain. */
    @Test
    void twoFlowsThatAlternateAreLeftAlone() throws ProtocolException {
        FlowPacket other = Flows.packet(false, false, 64, Checksum.RIGHT);
        other.sourcePort = 6000;
        List<FlowPacket> packets = new ArrayList<>();
        for (FlowPacket packet : Flows.run(Flows.packet(false, false, 64, Checksum.RIGHT), 50)) {
            packets.add(packet);
            packets.add(other);
        }
        assertThat(assertSame(FlowReceiver.MERGEABLE.shape(), packets)).isZero();
    }

    /** Frames that the kernel segments by offload end a run, and go whole. */
    @Test
    void aFrameThatIsSegmentedAlreadyGoesAsItIs() throws ProtocolException {
        FlowPacket large = OffloadKind.TSO4.packet(40_000);
        List<FlowPacket> small = Flows.run(Flows.packet(false, true, 100, Checksum.PARTIAL), 40);
        List<List<String>> results = new ArrayList<>();
        for (boolean coalescing : new boolean[] {false, true}) {
            tap.relaunch(coalescing);
            try (TestGuest guest = tap.connect(FlowReceiver.MERGEABLE.shape())) {
                results.add(tap.exchange(guest, () -> {
                    for (int i = 0; i < 40; i++) {
                        if (i % 15 == 14) {
                            tap.write(OffloadKind.TSO4.header(large), large.frame());
                        }
                        tap.write(small.get(i));
                    }
                }));
            }
        }
        assertThat(results.get(1)).isEqualTo(results.get(0));
        assertThat(tap.stats("guest").coalesced()).isGreaterThan(20);
    }

    /** Both kinds of UDP segmentation or none: one type in the header stands for both. */
    @ParameterizedTest
    @CsvSource({"none,0", "CSUM,0", "CSUM TSO4,3", "CSUM TSO6,7", "CSUM TSO4 TSO6 USO4 USO6,13"})
    void aGuestGetsWhatItTakes(String takes, int joined) throws ProtocolException {
        List<FlowPacket> packets = new ArrayList<>();
        packets.addAll(Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 4));
        packets.get(3).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(true, true, 100, Checksum.RIGHT), 8));
        packets.get(11).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 2));
        try (TestGuest guest = tap.connect(TestGuest.Shape.of(TestGuest.FEATURES | OffloadKind.taken(takes)))) {
            assertThat(tap.exchange(guest, packets)).isEqualTo(CutFrames.of(packets));
            Patience.counted(joined, () -> tap.stats("guest").coalesced());
        }
    }

    /** A driver that offers few buffers and adds more only when it got something. */
    @ParameterizedTest
    @CsvSource({"FEATURES,1", "FEATURES,3", "PACKED,2", "PACKED,7"})
    void aDriverThatOffersFewBuffersIsNotKeptWaiting(String format, int buffers) throws ProtocolException {
        long features = format.equals("PACKED") ? TestGuest.PACKED : TestGuest.FEATURES;
        List<FlowPacket> packets = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            packets.addAll(Flows.run(Flows.packet(i % 2 == 0, i % 3 == 0, 1448, Checksum.RIGHT), 20));
        }
        assertThat(assertSame(TestGuest.Shape.of(features | TAKES).withOffered(buffers), packets) > 0)
            .isEqualTo(buffers > 1);
    }

    /** Datagrams of one flow into the TAP and out of it, by one thread; every twentieth is none of a run. */
    private final class Traffic {
        /** More than a guest has buffers, and fewer than a TAP holds. */
        private static final int WAITING = 600;

        private final TestGuest guest;
        private final Random random = new Random(3);
        private final CutFrames cut = new CutFrames();
        private final FlowPacket packet = Flows.packet(false, false, 300, Checksum.RIGHT);
        private final List<String> sent = new ArrayList<>();

        Traffic(TestGuest guest) {
            this.guest = guest;
        }

        /** Some more, of which a part has to wait in the TAP; what arrives is what was sent. */
        void exchange(int rounds) {
            for (int round = 0; round < rounds; round++) {
                cut.frames().clear();
                sent.clear();
                while (sent.size() < WAITING) {
                    sendSome();
                }
                while (cut.frames().size() < sent.size()) {
                    guest.receive(0, (address, length) -> tap.received(cut, address, length));
                    OffloadedFrames.checkTime(cut.frames().size() + " of " + sent.size() + " frames arrived");
                }
                assertThat(cut.frames()).isEqualTo(sent);
            }
        }

        private void sendSome() {
            for (int i = 0; i < 40; i++) {
                packet.id++;
                packet.ttl = i % 20 == 19 ? 9 : 64;
                random.nextBytes(packet.payload);
                tap.write(packet);
                sent.addAll(CutFrames.of(List.of(packet)));
            }
        }
    }

    /** From process to process, as it were: each frame arrives once, whole and in order, and all owners join. */
    @Test
    void theOwnerMayChange() throws Exception {
        HandoverOptions options = HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(0);
        try (TestGuest guest = tap.connect(FlowReceiver.MERGEABLE.shape())) {
            tap.greet(guest);
            Traffic traffic = new Traffic(guest);
            for (int i = 0; i < 10; i++) {
                traffic.exchange(2);
                long before = tap.stats("guest").coalesced();
                assertThat(before).isPositive();
                CompletableFuture<Datapath> next = CompletableFuture.supplyAsync(
                    () -> HandoverPair.attempt(tap.datapath(), options, options).datapath());
                while (!next.isDone()) {
                    traffic.exchange(1);
                }
                tap.owner(next.get());
                traffic.exchange(2);
                assertThat(tap.stats("guest").coalesced()).isGreaterThan(before);
            }
        }
    }

    /** Not for a run either, nor for a frame that ends one. */
    @Test
    void aBusyAgentAllocatesNothing() throws ProtocolException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (TestGuest guest = tap.connect(FlowReceiver.MERGEABLE.shape())) {
            tap.greet(guest);
            long agent = Arrays.stream(threads.getAllThreadIds())
                .filter(id -> threads.getThreadInfo(id).getThreadName().equals("baton-agent-0"))
                .findFirst().orElseThrow();
            Traffic traffic = new Traffic(guest);
            long allocated = Long.MAX_VALUE;
            for (int round = 0; round < 20 && allocated != 0; round++) {
                long before = threads.getThreadAllocatedBytes(agent);
                traffic.exchange(30);
                allocated = threads.getThreadAllocatedBytes(agent) - before;
            }
            assertThat(allocated).as("bytes in a round").isZero();
            assertThat(tap.stats("guest").coalesced()).isPositive();
        }
    }

    /** Whatever it turns them into: other guests, and the frames that it gets later, are none the worse for it. */
    @Test
    void aGuestThatChangesItsBuffersMeanwhileSpoilsOnlyWhatItGets() throws Exception {
        try (TestGuest guest = tap.connect(FlowReceiver.MERGEABLE.shape())) {
            tap.greet(guest);
            AtomicBoolean stop = new AtomicBoolean();
            List<Long> slots = new ArrayList<>();
            byte[] greeting = Flows.packet(false, false, 0, Checksum.NONE).frame();
            while (slots.size() < 200) {
                tap.write(new byte[VirtioNetHeader.LENGTH], greeting);
                guest.receive(0, (address, length) -> { }, slots::add);
            }
            Thread spoiler = Thread.ofPlatform().daemon().start(() -> {
                Random random = new Random(5);
                while (!stop.get()) {
                    // The number of buffers is for the test itself.
                    int offset = random.nextInt(80);
                    RawMemory.putByte(slots.get(random.nextInt(slots.size()))
                        + (offset / 2 == VirtioNetHeader.NUM_BUFFERS_OFFSET / 2 ? 0 : offset), (byte) random.nextInt());
                }
            });
            try {
                FlowPacket packet = Flows.packet(false, false, 100, Checksum.RIGHT);
                long goal = tap.stats("guest").tx().frames() + 50_000;
                while (tap.stats("guest").tx().frames() < goal) {
                    for (int i = 0; i < Traffic.WAITING; i++) {
                        packet.id++;
                        tap.write(packet);
                    }
                    guest.receive(0, (address, length) -> { });
                    OffloadedFrames.checkTime("no more frames arrive");
                }
            } finally {
                stop.set(true);
                spoiler.join();
            }
            assertThat(tap.stats("guest").coalesced()).isPositive();
            tap.greet(guest);
            new Traffic(guest).exchange(2);
        }
    }
}
