package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.TAKES;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
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
    private static final String MTU = "9000";
    /** As many as a burst has: of the frames that wait, the first is read by itself and shows that others follow. */
    private static final int BURST = Transfer.BURST;

    private TestNamespace namespace;
    private TapDevice t0;
    private Datapath datapath;
    private VhostUserPort port;
    private final Mapping buffer = Mapping.anonymous(TapDevice.MAX_FRAME_BYTES);
    /** Frames that arrived, joined ones as one. */
    private int arrived;

    @BeforeEach
    void open() {
        namespace = TestNamespace.createOrSkip();
        t0 = TapDevice.open(TapConfig.builder("t0").networkNamespace(namespace.path()).up(true).build());
        namespace.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
        namespace.ip("link", "set", "t0", "master", "br0", "mtu", MTU);
        namespace.ip("link", "set", "br0", "up");
        launch(true);
    }

    @AfterEach
    void close() {
        if (namespace != null) {
            datapath.close();
            t0.close();
            namespace.close();
        }
        buffer.close();
    }

    private void relaunch(boolean coalescing) {
        datapath.close();
        launch(coalescing);
    }

    private void launch(boolean coalescing) {
        datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));
        TapPort t1 = datapath.add(TapPortConfig.named("t1").withNetns(namespace.path()));
        namespace.ip("link", "set", "t1", "master", "br0", "mtu", MTU);
        port = datapath.add(VhostUserPortConfig.listen("guest", TestSockets.path("guest"))
            .withCoalescing(coalescing));
        datapath.wire(port, t1);
    }

    private PortStats stats(String name) {
        return Objects.requireNonNull(datapath.counters().ports().get(name));
    }

    /** What arrives, cut, when all of these packets wait in the TAP. */
    private List<String> exchange(TestGuest guest, List<FlowPacket> packets) {
        greet(guest);
        CountDownLatch written = new CountDownLatch(1);
        datapath.agents().getFirst().post(() -> Patience.await("all is written", () -> written.getCount() == 0));
        packets.forEach(packet -> write(packet.header(), packet.frame()));
        FlowPacket last = Flows.packet(false, false, 0, Checksum.NONE);
        last.sourcePort = 1;
        write(last.header(), last.frame());
        written.countDown();
        return receive(guest, CutFrames.of(List.of(last)).getFirst());
    }

    /** Waits until frames pass, and none is on its way. */
    private void greet(TestGuest guest) {
        FlowPacket greeting = Flows.packet(false, false, 0, Checksum.NONE);
        int[] got = new int[1];
        while (got[0] == 0) {
            write(greeting.header(), greeting.frame());
            LockSupport.parkNanos(1_000_000);
            guest.receive(0, (address, length) -> got[0]++);
            OffloadedFrames.checkTime("nothing passes");
        }
        greeting.sourcePort++;
        write(greeting.header(), greeting.frame());
        receive(guest, CutFrames.of(List.of(greeting)).getFirst());
    }

    private void write(byte[] header, byte[] frame) {
        RawMemory.copyFromArray(header, 0, buffer.address(), header.length);
        RawMemory.copyFromArray(frame, 0, buffer.address() + header.length, frame.length);
        long length = (long) header.length + frame.length;
        assertThat(t0.queue(0).write(buffer.address(), length)).isEqualTo(length);
    }

    private List<String> receive(TestGuest guest, String last) {
        arrived = -1;
        try (CutFrames cut = new CutFrames()) {
            while (cut.frames().isEmpty() || !cut.frames().getLast().equals(last)) {
                guest.receive(0, (address, length) -> received(cut, address, length));
                OffloadedFrames.checkTime(cut.frames().size() + " frames arrived");
            }
            return cut.frames().subList(0, cut.frames().size() - 1);
        }
    }

    private void received(CutFrames cut, long address, int length) {
        byte[] header = new byte[VirtioNetHeader.LENGTH];
        byte[] frame = new byte[length];
        RawMemory.copyToArray(address - header.length, header, 0, header.length);
        RawMemory.copyToArray(address, frame, 0, length);
        assertThat(cut.add(header, frame)).as("frames of one").isPositive();
        arrived++;
    }

    /** What arrives of them without coalescing arrives with it; returns how many were joined. */
    private long assertSame(TestGuest.Shape shape, List<FlowPacket> packets) throws ProtocolException {
        List<String> plain = through(false, shape, packets);
        // A bridge drops what has a wrong IPv4 checksum.
        assertThat(plain).hasSizeBetween(packets.size() - 1, packets.size());
        assertThat(stats("guest").coalesced()).isZero();
        assertThat(through(true, shape, packets)).isEqualTo(plain);
        return stats("guest").coalesced();
    }

    private List<String> through(boolean coalescing, TestGuest.Shape shape, List<FlowPacket> packets)
        throws ProtocolException {
        relaunch(coalescing);
        try (TestGuest guest = TestGuest.connect(port.socketPath(), shape)) {
            assertThat(guest.features & TAKES).as("offered").isEqualTo(TAKES);
            List<String> frames = exchange(guest, packets);
            Patience.await("all is counted", () -> stats("guest").tx().frames() == stats("t1").rx().frames());
            assertThat(stats("guest").tx().bytes()).isEqualTo(stats("t1").rx().bytes());
            assertThat(stats("guest").tx().drops()).isZero();
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
        assertThat(arrived).isBetween(1 + (19 + most - 1) / most, 2 + (18 + most - 1) / most);
    }

    /** Longer than any burst. */
    @Test
    void aLongRunIsJoinedInPieces() throws ProtocolException {
        List<FlowPacket> packets = Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 10 * BURST);
        assertThat(assertSame(FlowReceiver.MERGEABLE.shape(), packets)).isEqualTo(10 * BURST - 1);
        assertThat(arrived).isEqualTo(11);
    }

    @Test
    void theLastOneMayBeShorterAndPushed() throws ProtocolException {
        List<FlowPacket> packets = new ArrayList<>(Flows.run(Flows.packet(false, true, 200, Checksum.RIGHT), 5));
        packets.get(4).payload = new byte[33];
        packets.get(4).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(true, false, 200, Checksum.RIGHT), 3));
        packets.get(7).payload = new byte[1];
        assertThat(assertSame(FlowReceiver.MERGEABLE.shape(), packets)).isEqualTo(7);
        assertThat(arrived).isEqualTo(3);
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
        assertThat(stats("guest").coalesced()).isPositive();
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
            relaunch(coalescing);
            try (TestGuest guest = TestGuest.connect(port.socketPath(), FlowReceiver.MERGEABLE.shape())) {
                greet(guest);
                CountDownLatch written = new CountDownLatch(1);
                datapath.agents().getFirst().post(() -> Patience.await("all is written",
                    () -> written.getCount() == 0));
                for (int i = 0; i < 40; i++) {
                    if (i % 15 == 14) {
                        write(OffloadKind.TSO4.header(large), large.frame());
                    }
                    write(small.get(i).header(), small.get(i).frame());
                }
                written.countDown();
                results.add(receive(guest, CutFrames.of(small).getLast()));
            }
        }
        assertThat(results.get(1)).isEqualTo(results.get(0));
        assertThat(stats("guest").coalesced()).isGreaterThan(20);
    }

    /** Both kinds of UDP segmentation or none: one type in the header stands for both. */
    @ParameterizedTest
    @CsvSource({"none,0", "CSUM,0", "CSUM TSO4,3", "CSUM TSO6,7", "CSUM TSO4 TSO6 USO4 USO6,13"})
    void aGuestGetsWhatItTakes(String takes, int joined) throws ProtocolException {
        long features = TestGuest.FEATURES;
        for (String word : takes.split(" ", -1)) {
            features |= switch (word) {
                case "CSUM" -> Features.GUEST_CSUM;
                case "TSO4" -> Features.GUEST_TSO4;
                case "TSO6" -> Features.GUEST_TSO6;
                case "USO4" -> Features.GUEST_USO4;
                case "USO6" -> Features.GUEST_USO6;
                default -> 0;
            };
        }
        List<FlowPacket> packets = new ArrayList<>();
        packets.addAll(Flows.run(Flows.packet(false, true, 100, Checksum.RIGHT), 4));
        packets.get(3).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(true, true, 100, Checksum.RIGHT), 8));
        packets.get(11).flags = 0x18;
        packets.addAll(Flows.run(Flows.packet(false, false, 100, Checksum.RIGHT), 2));
        try (TestGuest guest = TestGuest.connect(port.socketPath(), TestGuest.Shape.of(features))) {
            assertThat(exchange(guest, packets)).isEqualTo(CutFrames.of(packets));
            assertThat(stats("guest").coalesced()).isEqualTo(joined);
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
                    guest.receive(0, (address, length) -> received(cut, address, length));
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
                write(packet.header(), packet.frame());
                sent.addAll(CutFrames.of(List.of(packet)));
            }
        }
    }

    /** From process to process, as it were: each frame arrives once, whole and in order, and all owners join. */
    @Test
    void theOwnerMayChange() throws Exception {
        HandoverOptions options = HandoverOptions.defaults().withBackendTransfer(true).withRehearsals(0);
        try (TestGuest guest = TestGuest.connect(port.socketPath(), FlowReceiver.MERGEABLE.shape())) {
            greet(guest);
            Traffic traffic = new Traffic(guest);
            for (int i = 0; i < 10; i++) {
                traffic.exchange(2);
                long before = stats("guest").coalesced();
                assertThat(before).isPositive();
                CompletableFuture<Datapath> next = CompletableFuture.supplyAsync(
                    () -> HandoverPair.attempt(datapath, options, options).datapath());
                while (!next.isDone()) {
                    traffic.exchange(1);
                }
                datapath = next.get();
                traffic.exchange(2);
                assertThat(stats("guest").coalesced()).isGreaterThan(before);
            }
        }
    }

    /** Not for a run either, nor for a frame that ends one. */
    @Test
    void aBusyAgentAllocatesNothing() throws ProtocolException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (TestGuest guest = TestGuest.connect(port.socketPath(), FlowReceiver.MERGEABLE.shape())) {
            greet(guest);
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
            assertThat(stats("guest").coalesced()).isPositive();
        }
    }

    /** Whatever it turns them into: other guests, and the frames that it gets later, are none the worse for it. */
    @Test
    void aGuestThatChangesItsBuffersMeanwhileSpoilsOnlyWhatItGets() throws Exception {
        try (TestGuest guest = TestGuest.connect(port.socketPath(), FlowReceiver.MERGEABLE.shape())) {
            greet(guest);
            AtomicBoolean stop = new AtomicBoolean();
            List<Long> slots = new ArrayList<>();
            byte[] greeting = Flows.packet(false, false, 0, Checksum.NONE).frame();
            while (slots.size() < 200) {
                write(new byte[VirtioNetHeader.LENGTH], greeting);
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
                long goal = stats("guest").tx().frames() + 50_000;
                while (stats("guest").tx().frames() < goal) {
                    for (int i = 0; i < Traffic.WAITING; i++) {
                        packet.id++;
                        write(packet.header(), packet.frame());
                    }
                    guest.receive(0, (address, length) -> { });
                    OffloadedFrames.checkTime("no more frames arrive");
                }
            } finally {
                stop.set(true);
                spoiler.join();
            }
            assertThat(stats("guest").coalesced()).isPositive();
            greet(guest);
            new Traffic(guest).exchange(2);
        }
    }
}
