package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Errno;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.TunTap;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames between a TAP queue and the kernel's own IP stack. */
class TapIoTest {
    private static final String KERNEL = "10.77.0.1";
    private static final String US = "10.77.0.2";
    private static final int PORT = 4001;
    /** Where the kernel's datagrams for us go: not to the socket, which would hear its own broadcasts. */
    private static final int OUR_PORT = 4002;
    private static final int WAIT_MILLIS = 5_000;

    private TestNamespace namespace;
    private TapDevice tap;
    private DatagramSocket socket;

    @BeforeEach
    void createDevice() {
        namespace = TestNamespace.createOrSkip();
        tap = TapDevice.open(namespace.config("tap0").queues(2).mtu(9000).up(true).build());
        namespace.run(() -> NetDevice.ipv4Address("tap0", KERNEL, 24));
        socket = namespace.udp(PORT);
    }

    @AfterEach
    void removeDevice() {
        if (namespace != null) {
            socket.close();
            tap.close();
            namespace.close();
        }
    }

    @Test
    void aFrameThatIsWrittenReachesTheStack() throws IOException {
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(300));

            assertThat(buffer.write(tap.queue(0), frame)).isEqualTo(frame.length);

            assertThat(receive()).isEqualTo(Frames.payload(300));
        }
    }

    @Test
    void aWriteGathersManySegments() throws IOException {
        int[] lengths = new int[300];
        Arrays.setAll(lengths, i -> 1 + i % 31);
        try (FrameBuffer buffer = new FrameBuffer(lengths)) {
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(4000));

            assertThat(buffer.write(tap.queue(1), frame)).isEqualTo(frame.length);

            assertThat(receive()).isEqualTo(Frames.payload(4000));
        }
    }

    @Test
    void readAndWriteOfOneBufferAreTheSameAsOfOneSegment() throws IOException, InterruptedException {
        try (StagingBuffers staging = new StagingBuffers(1); FrameBuffer buffer = new FrameBuffer(9100)) {
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(64));
            RawMemory.copyFromArray(frame, 0, staging.address(0), frame.length);
            assertThat(tap.queue(0).write(staging.address(0), frame.length)).isEqualTo(frame.length);
            assertThat(receive()).isEqualTo(Frames.payload(64));

            send(Frames.payload(64));
            assertThat(awaitUdp(buffer)).isNotNull();
            send(Frames.payload(64));
            long read;
            do {
                read = readAny(staging);
            } while (read <= 0);
            assertThat(read).isEqualTo(12 + 14 + 20 + 8 + 64);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {12, 13, 64, 1500, 9100})
    void aReadScattersTheFrameOverItsSegments(int segment) throws IOException, InterruptedException {
        try (FrameBuffer buffer = FrameBuffer.ofSegments(segment, 9100)) {
            send(Frames.payload(5000));

            byte[] frame = awaitUdp(buffer);

            assertThat(frame).isNotNull().hasSize(12 + 14 + 20 + 8 + 5000);
            assertThat(Arrays.copyOfRange(frame, 12 + 14 + 20 + 8, frame.length)).isEqualTo(Frames.payload(5000));
            assertThat(Arrays.copyOf(frame, 12)).as("virtio-net header: nothing left to do").containsOnly(0);
            assertThat(buffer.gapsAreUntouched()).isTrue();
        }
    }

    @Test
    void withChecksumOffloadTheHeaderSaysWhatIsLeftToDo() throws IOException, InterruptedException {
        tap.setOffloads(TunTap.TUN_F_CSUM);
        try (FrameBuffer buffer = new FrameBuffer(9100)) {
            send(Frames.payload(100));

            byte[] frame = awaitUdp(buffer);

            assertThat(frame).isNotNull();
            assertThat(frame[0]).as("VIRTIO_NET_HDR_F_NEEDS_CSUM").isEqualTo((byte) 1);
            assertThat(frame[6]).as("csum_start, little-endian").isEqualTo((byte) (14 + 20));
            assertThat(frame[8]).as("csum_offset").isEqualTo((byte) 6);
        }
    }

    @Test
    void anEmptyQueueIsNotADrop() {
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            long result;
            do {
                result = buffer.read(tap.queue(0)); // whatever the stack sent by itself
            } while (result >= 0);

            assertThat(result).isEqualTo(-Errno.EAGAIN);
            assertThat(IoOutcome.of(result)).isEqualTo(IoOutcome.NOTHING);
        }
    }

    @Test
    void writesWhileTheInterfaceIsDownAreLostAndLaterOnesAreNot() throws IOException {
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(64));
            tap.up(false);

            assertThat(buffer.write(tap.queue(0), frame)).isEqualTo(-Errno.EIO);
            assertThat(buffer.read(tap.queue(1))).isEqualTo(-Errno.EAGAIN);

            tap.up(true);
            byte[] again = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(65));
            assertThat(buffer.write(tap.queue(0), again)).isEqualTo(again.length);
            assertThat(receive()).isEqualTo(Frames.payload(65));
        }
    }

    @Test
    void aBadFrameIsRefusedAndTheQueueGoesOn() throws IOException {
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(64));
            byte[] unknownGso = frame.clone();
            unknownGso[1] = 7;
            byte[] checksumOutside = frame.clone();
            checksumOutside[0] = 1;
            checksumOutside[7] = (byte) 0xff;

            assertThat(buffer.write(tap.queue(0), Arrays.copyOf(frame, 11))).isEqualTo(-Errno.EINVAL);
            assertThat(buffer.write(tap.queue(0), Arrays.copyOf(frame, 12 + 13))).isEqualTo(-Errno.EINVAL);
            assertThat(buffer.write(tap.queue(0), unknownGso)).isEqualTo(-Errno.EINVAL);
            assertThat(buffer.write(tap.queue(0), checksumOutside)).isEqualTo(-Errno.EINVAL);
            assertThat(tap.queue(0).write(8, 100)).as("no memory there").isEqualTo(-Errno.EFAULT);

            assertThat(buffer.write(tap.queue(0), frame)).isEqualTo(frame.length);
            assertThat(receive()).isEqualTo(Frames.payload(64));
        }
    }

    @Test
    void aFrameLargerThanTheBuffersIsCutOffInSilence() throws IOException, InterruptedException {
        try (FrameBuffer buffer = new FrameBuffer(100, 50)) {
            send(Frames.payload(1000));

            byte[] frame = awaitUdp(buffer);

            assertThat(frame).isNotNull().hasSize(150);
            assertThat(buffer.gapsAreUntouched()).isTrue();
        }
    }

    @Test
    void moreSegmentsThanTheKernelTakesLoseNoFrame() throws IOException, InterruptedException {
        try (FrameBuffer tooMany = FrameBuffer.ofSegments(16, 16 * TapQueue.MAX_SEGMENTS);
            FrameBuffer buffer = new FrameBuffer(9100)) {
            send(Frames.payload(10));

            assertThat(tooMany.count()).isEqualTo(TapQueue.MAX_SEGMENTS + 1);
            assertThat(tooMany.read(tap.queue(0))).isEqualTo(-Errno.EINVAL);
            assertThat(tooMany.read(tap.queue(1))).isEqualTo(-Errno.EINVAL);
            assertThat(awaitUdp(buffer)).hasSize(12 + 14 + 20 + 8 + 10);
        }
    }

    @Test
    void aDetachedQueueReadsNothingButStillWrites() throws IOException, InterruptedException {
        try (FrameBuffer buffer = new FrameBuffer(9100)) {
            tap.queue(1).attach(false);
            for (int i = 0; i < 20; i++) {
                send(Frames.payload(10));
            }
            assertThat(buffer.read(tap.queue(1))).isEqualTo(-Errno.EAGAIN);
            for (int i = 0; i < 20; i++) {
                assertThat(buffer.await(tap.queue(0), this::isOurs)).isNotNull();
            }
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(64));
            assertThat(buffer.write(tap.queue(1), frame)).isEqualTo(frame.length);
            assertThat(receive()).isEqualTo(Frames.payload(64));

            tap.queue(1).attach(true);
            tap.queue(0).attach(false);
            send(Frames.payload(11));
            assertThat(buffer.await(tap.queue(1), this::isOurs)).isNotNull();
        }
    }

    @Test
    void aDeletedInterfaceEndsTheQueue() {
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            byte[] frame = Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(64));
            namespace.ip("link", "del", "tap0");

            assertThat(buffer.write(tap.queue(0), frame)).isEqualTo(-Errno.EBADFD);
            assertThat(IoOutcome.of(buffer.read(tap.queue(1)))).isEqualTo(IoOutcome.QUEUE_GONE);
        }
    }

    private boolean isOurs(byte[] frame) {
        return Frames.isUdpTo(frame, OUR_PORT);
    }

    /** Looks at both queues: which of them the kernel takes for a flow is its own choice. */
    private byte[] awaitUdp(FrameBuffer buffer) throws InterruptedException {
        for (int i = 0; i < WAIT_MILLIS; i++) {
            byte[] frame = buffer.find(tap.queue(i & 1), this::isOurs, 0);
            if (frame != null) {
                return frame;
            }
            Thread.sleep(1);
        }
        throw new AssertionError("no frame came");
    }

    private long readAny(StagingBuffers staging) {
        long result = tap.queue(0).read(staging.address(0), StagingBuffers.BUFFER_BYTES);
        return result >= 0 ? result : tap.queue(1).read(staging.address(0), StagingBuffers.BUFFER_BYTES);
    }

    private byte[] receive() throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[9000], 9000);
        socket.receive(packet);
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    /** To the broadcast address, so that nobody asks for ours first. */
    private void send(byte[] payload) throws IOException {
        socket.send(new DatagramPacket(payload, payload.length, InetAddress.getByName("10.77.0.255"), OUR_PORT));
    }
}
