package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.virtqueue.Features;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import java.util.Scanner;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kernel's own IP stack behind real TAPs in private network namespaces. */
@Timeout(120)
class TapPortTest {
    private static final int PORT = 7777;
    private static final int HEADERS = 14 + 20 + 8;

    @TempDir
    private Path folder;

    private TestNamespace namespace;
    private Datapath datapath;

    @BeforeEach
    void open() {
        namespace = TestNamespace.createOrSkip();
        datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));
    }

    @AfterEach
    void close() {
        if (datapath != null) {
            datapath.close();
            namespace.close();
        }
    }

    private TapPort tap(TestNamespace where, String name, int queues, int mtu, String address) {
        TapPort port = datapath.add(new TapPortConfig(name, TapConfig.builder(name).queues(queues).mtu(mtu)
            .networkNamespace(where.path()).up(true).build()));
        where.call(() -> {
            NetDevice.ipv4Address(name, address, 24);
            return true;
        });
        return port;
    }

    private static DatagramChannel socket(TestNamespace where) {
        return where.call(() -> {
            DatagramChannel channel = DatagramChannel.open();
            channel.setOption(StandardSocketOptions.SO_BROADCAST, true);
            channel.setOption(StandardSocketOptions.SO_RCVBUF, 8 << 20);
            channel.bind(new InetSocketAddress(PORT));
            channel.configureBlocking(false);
            return channel;
        });
    }

    /** Small frames only, frames of a few chains, and frames that change between one chain and thirty. */
    @ParameterizedTest
    @CsvSource({"1500,1,1472,20000", "9000,1,8900,10000", "65521,1,60000,3000", "65521,50000,60000,3000"})
    void datagramsOfTheKernelReachTheGuestsBuffersWholeAndInOrder(int mtu, int shortest, int longest, int count)
        throws IOException {
        TapPort tap = tap(namespace, "t0", 1, mtu, "10.9.0.1");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        datapath.wire(tap, memory);
        Datagrams datagrams = new Datagrams();
        Random random = new Random(3);
        try (DatagramChannel channel = socket(namespace)) {
            InetSocketAddress everyone = new InetSocketAddress("10.9.0.255", PORT);
            while (datagrams.received < count) {
                // A window, for the TAP's queue holds 500 frames or more and then drops.
                if (datagrams.sent < count && datagrams.sent - datagrams.received < 100) {
                    int length = shortest + Long.BYTES + random.nextInt(longest - shortest - Long.BYTES + 1);
                    channel.send(datagrams.next(length), everyone);
                }
                memory.driver(0).receive(datagrams, 16);
            }
        }
        assertThat(datagrams.wrong).isZero();
        assertThat(stats("memory").tx().drops()).isZero();
        Patience.await("all frames are counted",
            () -> stats("t0").rx().frames() == stats("memory").tx().frames());
        Patience.await("all bytes are counted", () -> stats("t0").rx().bytes() == stats("memory").tx().bytes());
    }

    /** UDP payloads with a sequence number in front. */
    private static final class Datagrams implements FrameHandler {
        private final ByteBuffer buffer = ByteBuffer.allocate(65_536).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        private long sent;
        private long received;
        private long wrong;

        ByteBuffer next(int length) {
            buffer.clear();
            for (int i = 0; i < length; i++) {
                buffer.put(i, (byte) (sent + i));
            }
            buffer.putLong(0, sent);
            sent++;
            return buffer.limit(length);
        }

        @Override
        public void frame(long address, int lengthBytes) {
            boolean udp = lengthBytes >= HEADERS + Long.BYTES && RawMemory.getShort(address + 12) == 0x0008
                && RawMemory.getByte(address + 23) == 17;
            if (!udp) {
                return;
            }
            long sequence = RawMemory.getLong(address + HEADERS);
            int last = (Short.toUnsignedInt(Short.reverseBytes(RawMemory.getShort(address + 38))) - 8) - 1;
            wrong += sequence == received && hasPattern(address, sequence, last / 2)
                && hasPattern(address, sequence, last) ? 0 : 1;
            received++;
        }
    }

    /** Whether the payload is as it was sent at this place, where it is not the sequence number. */
    private static boolean hasPattern(long address, long sequence, int at) {
        return at < Long.BYTES || RawMemory.getByte(address + HEADERS + at) == (byte) (sequence + at);
    }

    @Test
    void datagramsOfTheGuestReachTheKernel() throws IOException {
        TapPort tap = tap(namespace, "t0", 2, 1500, "10.9.0.1");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        datapath.wire(tap, memory);
        byte[] mac = namespace.call(() -> NetDevice.hardwareAddress("t0"));
        int received = 0;
        int sent = 0;
        ByteBuffer datagram = ByteBuffer.allocate(2048);
        try (DatagramChannel channel = socket(namespace)) {
            while (received < 5000) {
                if (sent < 5000 && sent - received < 100
                    && memory.driver(0).send(Packets.udp(mac, "10.9.0.2", "10.9.0.1", PORT, sent), 0, HEADERS + 8)) {
                    sent++;
                }
                datagram.clear();
                if (channel.receive(datagram) != null) {
                    assertThat(datagram.flip().getLong()).isEqualTo(received);
                    received++;
                }
            }
        }
        Patience.counted(5000, () -> stats("t0").tx().frames());
        Patience.counted(5000, () -> stats("memory").rx().frames());
    }

    @Test
    void framesForAnInterfaceThatIsDownAreDroppedAndTheQueueGoesOn() {
        TapPort tap = tap(namespace, "t0", 1, 1500, "10.9.0.1");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        datapath.wire(tap, memory);
        up(false);
        assertThat(datapath.state(tap)).startsWith("down, ");
        memory.driver(0).send(new byte[60], 0, 60);
        await(() -> stats("t0").tx().dropsByReason().getOrDefault("interface-down", 0L) == 1);
        up(true);
        memory.driver(0).send(new byte[60], 0, 60);
        await(() -> stats("t0").tx().frames() == 1);
    }

    private void up(boolean up) {
        namespace.call(() -> {
            NetDevice.up("t0", up);
            return true;
        });
    }

    @Test
    void anInterfaceThatIsDeletedIsReportedAndItsPortCanBeReplaced() {
        TapPort tap = tap(namespace, "t0", 1, 1500, "10.9.0.1");
        MemoryPort memory = datapath.add(MemoryPortConfig.named("memory"));
        datapath.wire(tap, memory);
        delete("t0");
        memory.driver(0).send(new byte[60], 0, 60);
        await(() -> stats("t0").tx().dropsByReason().getOrDefault("interface-down", 0L) == 1);
        assertThat(datapath.state(tap)).isEqualTo("the interface was deleted");

        datapath.remove(tap);
        datapath.wire(tap(namespace, "t0", 1, 1500, "10.9.0.1"), memory);
        memory.driver(0).send(new byte[60], 0, 60);
        await(() -> stats("t0").tx().frames() == 1);
    }

    /** As an operator would, with ip(8). */
    private void delete(String name) {
        namespace.ip("link", "del", name);
    }

    @Test
    void tcpBetweenTwoNamespacesIsIntactAndSegmentedByTheKernelAlone() throws Exception {
        try (TestNamespace other = TestNamespace.createOrSkip()) {
            TapPort left = tap(namespace, "left", 1, 1500, "10.9.0.1");
            TapPort right = tap(other, "right", 1, 1500, "10.9.0.2");
            datapath.wire(left, right);
            assertThat(datapath.state(left)).contains("TSO4");
            try (ServerSocketChannel server = other.call(() -> ServerSocketChannel.open()
                     .bind(new InetSocketAddress("10.9.0.2", PORT)));
                 SocketChannel client = namespace.call(() -> SocketChannel.open(
                     new InetSocketAddress("10.9.0.2", PORT)));
                 SocketChannel accepted = server.accept()) {
                int total = 64 << 20;
                Thread sender = Thread.ofPlatform().start(() -> send(client, total));
                CRC32 got = new CRC32();
                ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
                long received = 0;
                while (received < total) {
                    buffer.clear();
                    received += accepted.read(buffer);
                    got.update(buffer.flip());
                }
                sender.join();
                CRC32 expected = new CRC32();
                byte[] pattern = pattern();
                for (int i = 0; i < total; i += pattern.length) {
                    expected.update(pattern);
                }
                assertThat(got.getValue()).isEqualTo(expected.getValue());
            }
            DirectionStats rx = stats("left").rx();
            assertThat(rx.bytes() / rx.frames()).as("bytes per frame").isGreaterThan(1514);
            assertThat(stats("right").tx().drops() + stats("left").tx().drops()).isZero();
        }
    }

    private static byte[] pattern() {
        byte[] pattern = new byte[1 << 16];
        new Random(4).nextBytes(pattern);
        return pattern;
    }

    private static void send(SocketChannel channel, int total) {
        byte[] pattern = pattern();
        try {
            for (int i = 0; i < total; i += pattern.length) {
                ByteBuffer buffer = ByteBuffer.wrap(pattern);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void queuesAndOffloadsFollowWhatTheGuestNegotiatedAndEnabled() throws Exception {
        TapPort tap = tap(namespace, "t0", 3, 1500, "10.9.0.1");
        VhostUserPort guestPort = datapath.add(
            VhostUserPortConfig.listen("vm", folder.resolve("vm")).withQueuePairs(2));
        datapath.wire(guestPort, tap);
        assertThat(state(tap)).isEqualTo("up, 2 of 3 queues attached, offloads none");
        long features = TestGuest.FEATURES | Features.MQ | Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.CSUM;
        try (TestGuest guest = TestGuest.connect(guestPort.socketPath(), 2, features)) {
            assertThat(guest.features).isEqualTo(features);
            await(() -> state(tap).equals("up, 3 of 3 queues attached, offloads CSUM|TSO4"));
            guest.frontEnd.enableRing(2, false);
            await(() -> state(tap).equals("up, 2 of 3 queues attached, offloads CSUM|TSO4"));
            guest.frontEnd.enableRing(2, true);
            await(() -> state(tap).equals("up, 3 of 3 queues attached, offloads CSUM|TSO4"));
        }
        await(() -> state(tap).equals("up, 2 of 3 queues attached, offloads none"));
    }

    /** Without what depends on the kernel of this machine. */
    private String state(TapPort tap) {
        return datapath.state(tap).replace(", io_uring", "");
    }

    @Test
    void aGuestKeepsItsConnectionWhenTheInterfaceBehindItWasDeleted() throws Exception {
        TapPort tap = tap(namespace, "t0", 2, 1500, "10.9.0.1");
        VhostUserPort guestPort = datapath.add(
            VhostUserPortConfig.listen("vm", folder.resolve("vm")).withQueuePairs(2));
        datapath.wire(guestPort, tap);
        delete("t0");
        long features = TestGuest.FEATURES | Features.GUEST_CSUM;
        try (TestGuest guest = TestGuest.connect(guestPort.socketPath(), 2, features)) {
            guest.send(1, new byte[60]);
            await(() -> stats("t0").tx().dropsByReason().getOrDefault("interface-down", 0L) == 1);
            assertThat(datapath.state(guestPort)).startsWith("connected, 4 of 4 virtqueues running, 4 enabled");
        }
    }

    @Test
    void anAnnouncementOfTheGuestGoesToTheNetworkAsRarp() throws Exception {
        TapPort tap = tap(namespace, "t0", 1, 1500, "10.9.0.1");
        VhostUserPort guestPort = datapath.add(VhostUserPortConfig.listen("vm", folder.resolve("vm")));
        datapath.wire(guestPort, tap);
        long before = received("t0");
        try (TestGuest guest = TestGuest.connect(guestPort.socketPath())) {
            guest.frontEnd.announce(new byte[] {2, 0, 0, 0, 0, 2});
            await(() -> received("t0") == before + 1);
        }
    }

    /** Frames that the kernel took from the interface. */
    private long received(String name) {
        return namespace.call(() -> Files.readAllLines(Path.of("/proc/thread-self/net/dev")).stream()
            .filter(line -> line.strip().startsWith(name + ":"))
            .mapToLong(line -> new Scanner(line.substring(line.indexOf(':') + 1)).skip("\\s*\\d+").nextLong())
            .sum());
    }

    @Test
    void aTapThatCannotBeHadIsRefusedByASentence() {
        assertThatThrownBy(() -> datapath.add(TapPortConfig.named("t0").withNetns("no-such-namespace")))
            .isInstanceOf(DatapathException.class).hasMessageContaining("no-such-namespace");
        assertThatThrownBy(() -> TapPortConfig.named("a-name-of-over-fifteen"))
            .isInstanceOf(DatapathException.class);
        assertThat(datapath.ports()).isEmpty();
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }
}
