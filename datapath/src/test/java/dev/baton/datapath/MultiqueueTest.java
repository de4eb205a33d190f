package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** As many queue pairs as virtio-net can have in use here, and which of them a frame goes by. */
@Timeout(120)
class MultiqueueTest {
    private static final int PAIRS = VhostUserPortConfig.MAX_QUEUE_PAIRS;
    private static final long FEATURES = TestGuest.FEATURES | Features.MQ;
    private static final int PORT = 7777;

    @TempDir
    private Path folder;

    /** Guest to guest the sender decides: what it puts into its n-th transmitq arrives in the n-th receiveq. */
    @Test
    void aFrameKeepsItsPairBetweenTwoGuestsOf128Pairs() throws ProtocolException {
        TestGuest.Shape shape = TestGuest.Shape.of(FEATURES).withPairs(PAIRS, 16);
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, PAIRS);
             TestGuest one = TestGuest.connect(route.one.socketPath(), shape);
             TestGuest two = TestGuest.connect(route.two.socketPath(), shape)) {
            assertThat(route.datapath.state(route.one)).startsWith("connected, 256 of 256 virtqueues running, 256 ena");
            for (int pair = 0; pair < PAIRS; pair++) {
                int size = 60 + pair;
                route.transfer(one, two, pair, 50, i -> size);
                route.transfer(two, one, pair, 50, i -> size);
            }
            assertThat(route.drops()).isZero();
            assertThat(route.stats("two").tx().frames()).isEqualTo(50L * PAIRS);
        }
    }

    /** A TAP of as many queues as the kernel has (MAX_TAP_QUEUES), two for each of the guest's. */
    @Test
    void everyPairReachesATapOf256Queues() throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort port = port(datapath, PAIRS);
            TapPort tap = tap(datapath, namespace, TapConfig.MAX_QUEUES);
            datapath.wire(port, tap);
            try (TestGuest guest = TestGuest.connect(port.socketPath(),
                     TestGuest.Shape.of(FEATURES).withPairs(PAIRS, 16));
                 DatagramChannel channel = socket(namespace)) {
                assertThat(datapath.state(tap)).startsWith("up, 256 of 256 queues attached");
                byte[] mac = namespace.call(() -> NetDevice.hardwareAddress("t0"));
                ByteBuffer datagram = ByteBuffer.allocate(64);
                for (int pair = 0; pair < PAIRS; pair++) {
                    assertThat(guest.send(pair, Packets.udp(mac, "10.9.0.2", "10.9.0.1", PORT, pair))).isTrue();
                    receive(channel, datagram);
                    assertThat(datagram.getLong()).isEqualTo(pair);
                }
            }
        }
    }

    /** Nobody enables the queue pairs of an in-memory port. */
    @Test
    void everyQueueOfATapIsAttachedBehindAnInMemoryPort() {
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            MemoryPort port = datapath.add(MemoryPortConfig.named("m").withQueuePairs(4));
            TapPort tap = tap(datapath, namespace, 4);
            datapath.wire(port, tap);
            assertThat(datapath.state(tap)).startsWith("up, 4 of 4 queues attached");
        }
    }

    /**
     * From a TAP the kernel decides. It remembers by which queue the last frame of a flow came and sends the flow's
     * other direction there (automq, tun_automq_select_queue of Linux), so that a guest finds the answers where it
     * asked the question; a flow that moves is followed.
     */
    @Test
    void answersComeByTheQueueOfTheQuestion() throws Exception {
        int pairs = 8;
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort port = port(datapath, pairs);
            datapath.wire(port, tap(datapath, namespace, pairs));
            namespace.ip("neigh", "add", "10.9.0.2", "lladdr", "02:00:00:00:00:02", "dev", "t0");
            try (TestGuest guest = TestGuest.connect(port.socketPath(),
                     TestGuest.Shape.of(FEATURES).withPairs(pairs, 64));
                 DatagramChannel channel = socket(namespace)) {
                byte[] mac = namespace.call(() -> NetDevice.hardwareAddress("t0"));
                for (int round = 0; round < 4; round++) {
                    for (int flow = 0; flow < 2 * pairs; flow++) {
                        int pair = (flow + 3 * round) % pairs;
                        byte[] question = Packets.udp(mac, "10.9.0.2", "10.9.0.1", PORT, flow);
                        // The port that it comes from makes the flow.
                        question[34] = (byte) 0x20;
                        question[35] = (byte) flow;
                        for (int i = 0; i < 3; i++) {
                            echo(guest, channel, pair, question);
                            assertThat(awaitAnswer(guest, pairs, flow)).as("flow %d, round %d", flow, round)
                                .isEqualTo(pair);
                        }
                    }
                }
            }
        }
    }

    private static void echo(TestGuest guest, DatagramChannel channel, int pair, byte[] question) throws IOException {
        assertThat(guest.send(pair, question)).isTrue();
        ByteBuffer datagram = ByteBuffer.allocate(64);
        InetSocketAddress from = receive(channel, datagram);
        channel.send(datagram, from);
    }

    /** The pair by which the next datagram comes; others are the kernel's own. */
    private static int awaitAnswer(TestGuest guest, int pairs, int flow) {
        int[] found = {-1};
        while (found[0] < 0) {
            for (int pair = 0; pair < pairs; pair++) {
                int looked = pair;
                guest.receive(pair, (address, length) -> {
                    boolean udp = RawMemory.getShort(address + 12) == 0x0008 && RawMemory.getByte(address + 23) == 17;
                    if (udp && RawMemory.getByte(address + 37) == flow) {
                        found[0] = looked;
                    }
                });
            }
        }
        return found[0];
    }

    /** Pairs come and go, as with {@code ethtool -L}, while another carries frames, none of which is lost. */
    @Test
    void pairsAreEnabledAndDisabledUnderTraffic() throws Exception {
        int pairs = 4;
        try (GuestRoute route = new GuestRoute(GuestRoute.Way.DIRECT, 1500, pairs);
             TestGuest one = TestGuest.connect(route.one.socketPath(), 1, FEATURES);
             TestGuest two = TestGuest.connect(route.two.socketPath(), pairs, FEATURES)) {
            toggle(two, 1, pairs, () -> {
                route.transfer(one, two, 0, 20_000, frame -> 60 + frame % 1000);
                route.transfer(two, one, 0, 20_000, frame -> 60 + frame % 1000);
            });
            assertThat(route.drops()).isZero();
            assertThat(route.datapath.state(route.two)).contains("8 of 8 virtqueues running");
        }
    }

    /** The same with a TAP, whose queues are detached and attached: a flow of a queue that stays finds its way. */
    @Test
    void queuesOfATapAreDetachedAndAttachedUnderTraffic() throws Exception {
        int pairs = 4;
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort port = port(datapath, pairs);
            datapath.wire(port, tap(datapath, namespace, pairs));
            namespace.ip("neigh", "add", "10.9.0.2", "lladdr", "02:00:00:00:00:02", "dev", "t0");
            try (TestGuest guest = TestGuest.connect(port.socketPath(),
                     TestGuest.Shape.of(FEATURES).withPairs(pairs, 64));
                 DatagramChannel channel = socket(namespace)) {
                byte[] mac = namespace.call(() -> NetDevice.hardwareAddress("t0"));
                byte[] question = Packets.udp(mac, "10.9.0.2", "10.9.0.1", PORT, 0);
                // With one queue left the kernel remembers nothing, so the second stays as well.
                toggle(guest, 2, pairs, () -> {
                    for (int i = 0; i < 2000; i++) {
                        echo(guest, channel, 0, question);
                        assertThat(awaitAnswer(guest, 1, question[35])).isZero();
                    }
                });
            }
        }
    }

    /**
     * Many flows at a time, each of which is to stay where the guest asked, in order and without a gap, while queues
     * beside theirs are detached and attached: the kernel numbers the others anew each time.
     */
    @Test
    void flowsKeepTheirQueueAndOrderWhileOtherQueuesComeAndGo() throws Exception {
        int pairs = 6;
        int staying = 3;
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"))) {
            VhostUserPort port = port(datapath, pairs);
            TapPort tap = tap(datapath, namespace, pairs);
            datapath.wire(port, tap);
            namespace.ip("neigh", "add", "10.9.0.2", "lladdr", "02:00:00:00:00:02", "dev", "t0");
            try (TestGuest guest = TestGuest.connect(port.socketPath(),
                     TestGuest.Shape.of(FEATURES).withPairs(pairs, 128));
                 DatagramChannel channel = socket(namespace)) {
                byte[] mac = namespace.call(() -> NetDevice.hardwareAddress("t0"));
                AnsweredFlows flows = new AnsweredFlows(guest, channel, mac, 12, staying);
                toggle(guest, staying, pairs, () -> {
                    for (int round = 0; round < 400; round++) {
                        flows.askAndAnswer();
                    }
                });
                assertThat(flows.strays()).isZero();
                assertThat(datapath.state(tap)).startsWith("up, ");
            }
        }
    }

    /** Flows that a guest begins, several by each of its first pairs, and whose other end answers several times. */
    private static final class AnsweredFlows {
        private static final int ANSWERS = 8;
        private static final int FIRST_PORT = 0x2000;
        private static final int DESTINATION_PORT = 36;
        private static final int PAYLOAD = 42;

        private final TestGuest guest;
        private final DatagramChannel channel;
        private final byte[] mac;
        private final int pairs;
        private final long[] sent;
        private final long[] received;
        private long strays;

        AnsweredFlows(TestGuest guest, DatagramChannel channel, byte[] mac, int flows, int pairs) {
            this.guest = guest;
            this.channel = channel;
            this.mac = mac;
            this.pairs = pairs;
            this.sent = new long[flows];
            this.received = new long[flows];
        }

        /** One question of each flow, and all answers, those of the flows mixed. */
        void askAndAnswer() throws IOException {
            InetSocketAddress[] asker = new InetSocketAddress[sent.length];
            ByteBuffer datagram = ByteBuffer.allocate(64);
            for (int flow = 0; flow < sent.length; flow++) {
                byte[] question = Packets.udp(mac, "10.9.0.2", "10.9.0.1", PORT, flow);
                question[34] = (byte) (FIRST_PORT >> 8);
                question[35] = (byte) flow;
                assertThat(guest.send(flow % pairs, question)).isTrue();
                asker[flow] = receive(channel, datagram);
            }
            for (int answer = 0; answer < ANSWERS; answer++) {
                for (int flow = 0; flow < sent.length; flow++) {
                    datagram.clear().putLong(sent[flow]++).flip();
                    channel.send(datagram, asker[flow]);
                }
            }
            while (!Arrays.equals(sent, received)) {
                for (int pair = 0; pair < guest.rings.size() / 2; pair++) {
                    int by = pair;
                    guest.receive(pair, (address, length) -> arrived(by, address));
                }
            }
        }

        private void arrived(int pair, long address) {
            boolean udp = RawMemory.getShort(address + 12) == 0x0008 && RawMemory.getByte(address + 23) == 17;
            int flow = Short.reverseBytes(RawMemory.getShort(address + DESTINATION_PORT)) - FIRST_PORT;
            if (udp && flow >= 0 && flow < sent.length) {
                assertThat(Long.reverseBytes(RawMemory.getLong(address + PAYLOAD))).as("answer of flow %d", flow)
                    .isEqualTo(received[flow]);
                received[flow]++;
                strays += pair == flow % pairs ? 0 : 1;
            }
        }

        /** Answers that came by another pair than the question went. */
        long strays() {
            return strays;
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    /** Disables and enables the pairs from {@code first} on, for as long as the work goes on in a thread of its own. */
    private static void toggle(TestGuest guest, int first, int pairs, Work work) throws ProtocolException {
        CompletableFuture<Void> traffic = CompletableFuture.runAsync(() -> {
            try {
                work.run();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }, task -> Thread.ofPlatform().daemon().start(task));
        int changes = 0;
        for (boolean enabled = false; !traffic.isDone(); enabled = !enabled) {
            for (int ring = 2 * first; ring < 2 * pairs; ring++) {
                guest.frontEnd.enableRing(ring, enabled);
                changes++;
            }
            assertThat(Thread.interrupted()).as("it takes too long").isFalse();
        }
        traffic.join();
        assertThat(changes).isGreaterThan(2 * pairs);
    }

    private VhostUserPort port(Datapath datapath, int pairs) {
        return datapath.add(VhostUserPortConfig.listen("vm", folder.resolve("vm")).withQueuePairs(pairs));
    }

    private static TapPort tap(Datapath datapath, TestNamespace namespace, int queues) {
        TapPort tap = datapath.add(new TapPortConfig("t0", TapConfig.builder("t0").queues(queues)
            .networkNamespace(namespace.path()).up(true).build()));
        namespace.call(() -> {
            NetDevice.ipv4Address("t0", "10.9.0.1", 24);
            return true;
        });
        return tap;
    }

    private static DatagramChannel socket(TestNamespace namespace) {
        return namespace.call(() -> DatagramChannel.open().bind(new InetSocketAddress(PORT)));
    }

    /** Waits for a datagram. */
    private static InetSocketAddress receive(DatagramChannel channel, ByteBuffer datagram) throws IOException {
        datagram.clear();
        InetSocketAddress from = (InetSocketAddress) Objects.requireNonNull(channel.receive(datagram));
        datagram.flip();
        return from;
    }
}
