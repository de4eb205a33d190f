package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.LoopbackDevice;
import dev.baton.tap.TapException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest and the kernel, with bursts in one call of io_uring and a call for each frame: nobody sees a difference. */
@ParameterizedClass
@ValueSource(booleans = {false, true})
@Timeout(120)
class TapBurstPathsTest {
    private static final int TO_KERNEL = 7777;
    private static final int TO_GUEST = 7778;
    private static final int HEADERS = 14 + 20 + 8;
    private static final int WINDOW = 200;

    private final boolean ioUring;
    private final ByteBuffer datagram = ByteBuffer.allocate(9000);
    private TestNamespace namespace;
    private Datapath datapath;
    private TapPort tap;
    private MemoryPort guest;
    private DatagramChannel channel;
    private byte[] mac;

    private long sentToKernel;
    private long kernelReceived;
    private long sentToGuest;
    private long guestReceived;
    private long wrong;
    private int longest;

    TapBurstPathsTest(boolean ioUring) {
        this.ioUring = ioUring;
    }

    @BeforeEach
    void open() {
        namespace = TestNamespace.createOrSkip();
        datapath = Datapath.launch(DatapathConfig.defaults().withCpus(0, 1));
        guest = datapath.add(MemoryPortConfig.named("guest"));
        tap = datapath.add(TapPortConfig.named("t0").withNetns(namespace.path()).withIoUring(ioUring)
            .withCoalescing(false));
        datapath.wire(guest, tap);
        mac = namespace.call(() -> {
            NetDevice.ipv4Address("t0", "10.9.0.1", 24);
            return NetDevice.hardwareAddress("t0");
        });
        channel = namespace.call(() -> {
            DatagramChannel opened = DatagramChannel.open();
            opened.setOption(StandardSocketOptions.SO_BROADCAST, true);
            opened.setOption(StandardSocketOptions.SO_RCVBUF, 4 << 20);
            opened.bind(new InetSocketAddress(TO_KERNEL));
            opened.configureBlocking(false);
            return opened;
        });
    }

    @AfterEach
    void close() throws IOException {
        if (datapath != null) {
            channel.close();
            datapath.close();
        }
        if (namespace != null) {
            namespace.close();
        }
    }

    @Test
    void theStateSaysHowFramesTravel() {
        boolean possible = true;
        try (LoopbackDevice loopback = LoopbackDevice.open("probe", 1)) {
            loopback.queue(0).useIoUring();
        } catch (TapException e) {
            possible = false;
        }
        assertThat(datapath.state(tap).endsWith(", io_uring")).isEqualTo(ioUring && possible);
        assertThat(tap.describe().endsWith(",io=plain")).isNotEqualTo(ioUring);
    }

    /** While they change their agent all the time: none lost, repeated, reordered or damaged, either way. */
    @Test
    void framesOfBothWaysArriveWholeAndInOrderWhileTheirLaneMoves() throws IOException {
        for (int move = 0; move < 200; move++) {
            datapath.move(tap, 0, 1 - move % 2);
            long goal = Math.min(kernelReceived, guestReceived) + 100;
            while (Math.min(kernelReceived, guestReceived) < goal) {
                exchange(1400);
            }
        }
        finish();
        assertThat(wrong).isZero();
        assertThat(stats("t0").rx().frames()).isEqualTo(stats("guest").tx().frames());
        assertThat(stats("t0").tx().drops()).isZero();
        assertThat(stats("guest").tx().drops()).isZero();
        assertThat(stats("t0").tx().frames()).isEqualTo(sentToKernel);
        assertThat(stats("t0").tx().bytes()).isEqualTo(sentToKernel * (HEADERS + Long.BYTES));
    }

    /** Nobody tells Baton: the frames that it was not ready for are counted, and it is ready for the next. */
    @Test
    void anMtuThatGrowsMeanwhileCostsCountedFramesOnce() throws IOException {
        for (int i = 0; i < 1000; i++) {
            exchange(1400);
        }
        finish();
        namespace.ip("link", "set", "t0", "mtu", "9000");
        for (int i = 0; i < WINDOW; i++) {
            send(8000);
        }
        while (guestReceived + drops() < sentToGuest) {
            receive();
        }
        long lost = drops();
        assertThat(lost).isLessThanOrEqualTo(Transfer.BURST);
        guestReceived += lost;
        wrong = 0;
        for (int i = 0; i < 1000; i++) {
            exchange(8900);
        }
        finish();
        assertThat(wrong).isZero();
        assertThat(drops()).isEqualTo(lost);
        assertThat(longest).isGreaterThan(HEADERS + 8000);
    }

    @Test
    void framesThatTheKernelRefusesAreCountedAmongThoseThatItTakes() throws IOException {
        byte[] runt = new byte[13];
        for (int i = 0; i < 500; i++) {
            while (!guest.driver(0).send(runt, 0, runt.length)) {
                Thread.onSpinWait();
            }
            exchange(100);
        }
        finish();
        assertThat(wrong).isZero();
        assertThat(stats("t0").tx().dropsByReason()).containsEntry("refused-by-kernel", 500L).hasSize(1);
    }

    private void exchange(int mostPayload) throws IOException {
        for (int i = 0; i < 40; i++) {
            if (sentToKernel - kernelReceived < WINDOW && guest.driver(0).send(
                Packets.udp(mac, "10.9.0.2", "10.9.0.1", TO_KERNEL, sentToKernel), 0, HEADERS + Long.BYTES)) {
                sentToKernel++;
            }
            if (sentToGuest - guestReceived < WINDOW) {
                send(Long.BYTES + (int) (sentToGuest * 997 % (mostPayload - Long.BYTES)));
            }
        }
        receive();
    }

    /** One numbered datagram of the kernel, with a pattern at its end. */
    private void send(int payload) throws IOException {
        datagram.clear().limit(payload);
        datagram.putLong(0, Long.reverseBytes(sentToGuest));
        if (payload > Long.BYTES) {
            datagram.put(payload - 1, (byte) sentToGuest);
        }
        channel.send(datagram, new InetSocketAddress("10.9.0.255", TO_GUEST));
        sentToGuest++;
    }

    private void receive() throws IOException {
        for (datagram.clear(); channel.receive(datagram) != null; datagram.clear()) {
            wrong += datagram.flip().getLong() == kernelReceived ? 0 : 1;
            kernelReceived++;
        }
        guest.driver(0).receive((address, length) -> {
            if (length < HEADERS + Long.BYTES
                || RawMemory.getShort(address + 36) != Short.reverseBytes((short) TO_GUEST)) {
                return; // nobody's but the kernel's own
            }
            boolean tail = length <= 60 || RawMemory.getByte(address + length - 1) == (byte) guestReceived;
            wrong += RawMemory.getLong(address + HEADERS) == guestReceived && tail ? 0 : 1;
            longest = Math.max(longest, length);
            guestReceived++;
        }, 256);
    }

    private void finish() throws IOException {
        while (kernelReceived < sentToKernel || guestReceived < sentToGuest) {
            receive();
        }
        long taken = sentToKernel;
        while (stats("t0").tx().frames() < taken) {
            Thread.onSpinWait();
        }
    }

    private long drops() {
        return stats("guest").tx().dropsByReason().getOrDefault("too-long", 0L);
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }
}
