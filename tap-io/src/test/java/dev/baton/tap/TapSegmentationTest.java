package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.TunTap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames of up to 64 KiB that nobody has cut yet, through the kernel and from TAP to TAP. */
class TapSegmentationTest {
    private static final int OFFLOADS =
        TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4 | TunTap.TUN_F_TSO6 | TunTap.TUN_F_TSO_ECN;
    private static final int GSO_SIZE = 1448;
    /** With its headers one byte less than the kernel's gso_max_size of 64 KiB. */
    private static final int LARGEST_PAYLOAD = 65535 - 14 - 20 - 20;

    private TestNamespace left;
    private TestNamespace right;

    @BeforeEach
    void createNamespaces() {
        left = TestNamespace.createOrSkip();
        right = TestNamespace.createOrSkip();
    }

    @AfterEach
    void removeNamespaces() {
        if (right != null) {
            left.close();
            right.close();
        }
    }

    /** The kernel routes what is written to one TAP to the other, and leaves it whole. */
    @ParameterizedTest
    @ValueSource(ints = {65, 1000, 1514, 65536})
    void aSegmentedFrameOf64KibIsScatteredByOneRead(int segment) throws InterruptedException {
        try (TapDevice in = TapDevice.open(left.config("in0").up(true).build());
            TapDevice out = TapDevice.open(left.config("out0").up(true).build());
            FrameBuffer source = FrameBuffer.ofSegments(1333, TapDevice.MAX_FRAME_BYTES);
            FrameBuffer target = FrameBuffer.ofSegments(segment, 12 + 65536)) {
            out.setOffloads(OFFLOADS);
            route();
            byte[] payload = Frames.payload(LARGEST_PAYLOAD);
            byte[] written = Frames.tcpToBeSegmented(in.mac(), "10.79.1.2", "10.79.2.2", GSO_SIZE, payload);

            assertThat(source.write(in.queue(0), written)).isEqualTo(written.length);
            byte[] read = target.await(out.queue(0), frame -> Frames.etherType(frame) == Frames.IPV4);

            assertThat(read).hasSameSizeAs(written);
            assertThat(Arrays.copyOf(read, 10)).as("virtio-net header").isEqualTo(Arrays.copyOf(written, 10));
            int tcp = 12 + 14 + 20;
            assertThat(Arrays.equals(read, tcp, read.length, written, tcp, written.length)).as("from TCP on").isTrue();
            assertThat(target.gapsAreUntouched()).isTrue();
        }
    }

    /** The same frame to a reader that takes none of it: the kernel cuts. */
    @Test
    void withoutTheOffloadTheKernelCutsTheFrame() throws InterruptedException {
        try (TapDevice in = TapDevice.open(left.config("in0").up(true).build());
            TapDevice out = TapDevice.open(left.config("out0").up(true).build());
            FrameBuffer source = FrameBuffer.ofSegments(1333, TapDevice.MAX_FRAME_BYTES);
            FrameBuffer target = new FrameBuffer(2048)) {
            route();
            byte[] payload = Frames.payload(LARGEST_PAYLOAD);
            source.write(in.queue(0), Frames.tcpToBeSegmented(in.mac(), "10.79.1.2", "10.79.2.2", GSO_SIZE, payload));

            int tcp = 12 + 14 + 20;
            int next = 0;
            while (next < payload.length) {
                byte[] read = target.await(out.queue(0), frame -> Frames.etherType(frame) == Frames.IPV4);
                int bytes = Math.min(GSO_SIZE, payload.length - next);
                assertThat(read).hasSize(tcp + 20 + bytes);
                assertThat(Arrays.copyOf(read, 12)).containsOnly(0);
                assertThat(Arrays.equals(read, tcp + 20, read.length, payload, next, next + bytes)).isTrue();
                next += bytes;
            }
        }
    }

    /** Two stacks, each behind a TAP, joined by this thread with staging buffers: a byte stream arrives as it was. */
    @Test
    @Timeout(60)
    void aTcpStreamFromTapToTapArrivesWhole() throws InterruptedException, IOException {
        try (TapDevice a = TapDevice.open(left.config("a0").up(true).build());
            TapDevice b = TapDevice.open(right.config("b0").up(true).build());
            Joiner joiner = new Joiner(a, b);
            ServerSocketChannel server = listen()) {
            a.setOffloads(OFFLOADS);
            b.setOffloads(OFFLOADS);
            left.run(() -> NetDevice.ipv4Address("a0", "10.80.0.1", 24));
            right.run(() -> NetDevice.ipv4Address("b0", "10.80.0.2", 24));
            joiner.start();
            byte[] sent = Frames.payload(8 << 20);
            Thread sender = new Thread(() -> send(sent), "tap-test-sender");
            sender.start();

            byte[] received = new byte[sent.length];
            try (SocketChannel channel = server.accept()) {
                ByteBuffer buffer = ByteBuffer.wrap(received);
                while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
                    assertThat(joiner.isAlive()).isTrue();
                }
                assertThat(buffer.hasRemaining()).isFalse();
            }
            sender.join();

            assertThat(Arrays.equals(received, sent)).isTrue();
            assertThat(joiner.segmented.get()).as("frames with a GSO type").isPositive();
            assertThat(joiner.largest.get()).isGreaterThan(12 + 14 + 1500);
        }
    }

    private void route() {
        left.run(() -> {
            NetDevice.ipv4Address("in0", "10.79.1.1", 24);
            NetDevice.ipv4Address("out0", "10.79.2.1", 24);
        });
        left.sysctl("net/ipv4/ip_forward", "1");
        left.ip("neigh", "add", "10.79.2.2", "lladdr", Frames.PEER.toString(), "dev", "out0");
    }

    private ServerSocketChannel listen() {
        return right.call(() -> {
            try {
                return ServerSocketChannel.open().bind(new InetSocketAddress(5001));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    private void send(byte[] bytes) {
        left.run(() -> {
            try (SocketChannel channel = SocketChannel.open(new InetSocketAddress("10.80.0.2", 5001))) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Moves frames both ways until it is closed. */
    private static final class Joiner implements AutoCloseable {
        private final TapQueue a;
        private final TapQueue b;
        private final AtomicBoolean running = new AtomicBoolean(true);
        private final StagingBuffers staging = new StagingBuffers(1);
        private final Thread thread = new Thread(this::moveBothWays, "tap-test-joiner");
        private final AtomicLong segmented = new AtomicLong();
        private final AtomicLong largest = new AtomicLong();

        Joiner(TapDevice a, TapDevice b) {
            this.a = a.queue(0);
            this.b = b.queue(0);
        }

        void start() {
            thread.start();
        }

        boolean isAlive() {
            return thread.isAlive();
        }

        private void moveBothWays() {
            while (running.get()) {
                if (!move(a, b) && !move(b, a)) {
                    Thread.onSpinWait();
                }
            }
        }

        private boolean move(TapQueue from, TapQueue to) {
            long buffer = staging.address(0);
            long length = from.read(buffer, StagingBuffers.BUFFER_BYTES);
            if (length < 0) {
                return false;
            }
            if (RawMemory.getByte(buffer + 1) != 0) {
                segmented.incrementAndGet();
            }
            largest.accumulateAndGet(length, Math::max);
            return to.write(buffer, length) == length;
        }

        @Override
        public void close() {
            running.set(false);
            try {
                thread.join();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            staging.close();
        }
    }
}
