package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.virtqueue.Features;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A TAP of so many queues that an agent asks for all of them with one call while they rest: each frame wakes its queue,
 * whichever it is and however long it rested.
 */
@Timeout(60)
class QuietTapsTest {
    private static final int QUEUES = 8;
    private static final int PORT = 7777;
    private static final int FIRST_PORT = 0x2000;
    private static final int PAYLOAD = 14 + 20 + 8;
    private static final int ROUNDS = 500;

    @TempDir
    private Path folder;

    private final InetSocketAddress[] askers = new InetSocketAddress[QUEUES];
    private final long[] received = new long[QUEUES];

    @ParameterizedTest
    @EnumSource(IdleMode.class)
    void aFrameOnAnyQueueArrivesAfterAnyRest(IdleMode mode) throws Exception {
        try (TestNamespace namespace = TestNamespace.createOrSkip();
             Datapath datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(mode))) {
            VhostUserPort port =
                datapath.add(VhostUserPortConfig.listen("vm", folder.resolve("vm")).withQueuePairs(QUEUES));
            datapath.wire(port, datapath.add(new TapPortConfig("t0", TapConfig.builder("t0").queues(QUEUES)
                .networkNamespace(namespace.path()).up(true).build())));
            byte[] mac = namespace.call(() -> {
                NetDevice.ipv4Address("t0", "10.9.0.1", 24);
                return NetDevice.hardwareAddress("t0");
            });
            namespace.ip("neigh", "add", "10.9.0.2", "lladdr", "02:00:00:00:00:02", "dev", "t0");
            try (TestGuest guest = TestGuest.connect(port.socketPath(), QUEUES, TestGuest.FEATURES | Features.MQ);
                 DatagramChannel channel =
                     namespace.call(() -> DatagramChannel.open().bind(new InetSocketAddress(PORT)))) {
                ask(guest, channel, mac);
                answer(guest, channel);
            }
            PortStats stats = Objects.requireNonNull(datapath.counters().ports().get("t0"));
            assertThat(stats.rx().drops() + stats.tx().drops()).isZero();
        }
    }

    /** A flow for each queue, which the kernel's answers come by (automq). */
    private void ask(TestGuest guest, DatagramChannel channel, byte[] mac) throws Exception {
        for (int queue = 0; queue < QUEUES; queue++) {
            byte[] question = Packets.udp(mac, "10.9.0.2", "10.9.0.1", PORT, queue);
            question[34] = (byte) (FIRST_PORT >> 8);
            question[35] = (byte) queue;
            assertThat(guest.send(queue, question)).isTrue();
            askers[queue] = (InetSocketAddress) Objects.requireNonNull(channel.receive(ByteBuffer.allocate(64)));
        }
    }

    private void answer(TestGuest guest, DatagramChannel channel) throws Exception {
        Random random = new Random(1);
        ByteBuffer datagram = ByteBuffer.allocate(Long.BYTES);
        for (int round = 0; round < ROUNDS; round++) {
            LockSupport.parkNanos(random.nextInt(1_500_000));
            int queue = random.nextInt(QUEUES);
            int answers = 1 + random.nextInt(50);
            long end = received[queue] + answers;
            for (long number = received[queue]; number < end; number++) {
                datagram.clear().putLong(number).flip();
                channel.send(datagram, askers[queue]);
            }
            while (received[queue] < end) {
                guest.receive(queue, (address, length) -> arrived(queue, address));
                assertThat(Thread.interrupted()).as("queue %d, round %d, %d of %d", queue, round, received[queue], end)
                    .isFalse();
            }
        }
    }

    private void arrived(int queue, long address) {
        boolean udp = RawMemory.getShort(address + 12) == 0x0008 && RawMemory.getByte(address + 23) == 17;
        if (udp) {
            assertThat(Long.reverseBytes(RawMemory.getLong(address + PAYLOAD))).isEqualTo(received[queue]++);
        }
    }
}
