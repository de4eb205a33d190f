package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.UnixSocket;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LoopbackDeviceTest {
    private long descriptorsBefore;

    @BeforeEach
    void count() {
        descriptorsBefore = Descriptors.open();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(Descriptors.open()).as("open descriptors").isEqualTo(descriptorsBefore);
    }

    @Test
    void whatIsWrittenToAQueueIsReadFromItInOrder() {
        try (LoopbackDevice loopback = LoopbackDevice.open("lo0", 3);
            FrameBuffer buffer = new FrameBuffer(12, 14, 1500)) {
            assertThat(loopback.queueCount()).isEqualTo(3);
            assertThat(loopback.name()).isEqualTo("lo0");
            for (int number = 0; number < 60; number++) {
                assertThat(buffer.write(loopback.queue(number % 3), frame(number))).isEqualTo(60 + number);
            }
            for (int number = 0; number < 60; number++) {
                assertThat(buffer.read(loopback.queue(number % 3))).isEqualTo(60 + number);
                assertThat(buffer.bytes(60 + number)).isEqualTo(frame(number));
            }
            assertThat(buffer.read(loopback.queue(0))).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void theLargestFrameComesBackWhole() {
        try (LoopbackDevice loopback = LoopbackDevice.open("lo0", 1);
            FrameBuffer buffer = FrameBuffer.ofSegments(4096, TapDevice.MAX_FRAME_BYTES);
            StagingBuffers staging = new StagingBuffers(1)) {
            byte[] frame = Frames.payload(TapDevice.MAX_FRAME_BYTES);
            for (int i = 0; i < 4; i++) {
                assertThat(buffer.write(loopback.queue(0), frame)).isEqualTo(frame.length);
            }
            for (int i = 0; i < 3; i++) {
                assertThat(buffer.read(loopback.queue(0))).isEqualTo(frame.length);
                assertThat(buffer.bytes(frame.length)).isEqualTo(frame);
            }
            assertThat(loopback.queue(0).read(staging.address(0), StagingBuffers.BUFFER_BYTES)).isEqualTo(frame.length);
            assertThat(loopback.queue(0).write(staging.address(0), frame.length)).isEqualTo(frame.length);
        }
    }

    @Test
    void aFullQueueKeepsWhatItHasAndTheFrameStaysTheWriters() {
        try (LoopbackDevice loopback = LoopbackDevice.open("lo0", 2); FrameBuffer buffer = new FrameBuffer(2048)) {
            int written = 0;
            long result = buffer.write(loopback.queue(0), frame(0));
            while (result >= 0) {
                result = buffer.write(loopback.queue(0), frame(++written));
            }
            assertThat(IoOutcome.of(result)).isEqualTo(IoOutcome.NOTHING);
            assertThat(IoOutcome.isDrop(IoOutcome.of(result))).isFalse();
            assertThat(written).as("more than one burst, whatever net.unix.max_dgram_qlen is").isGreaterThan(64);
            assertThat(buffer.write(loopback.queue(1), frame(0))).as("the other queue").isPositive();

            assertThat(buffer.read(loopback.queue(0))).isEqualTo(60);
            assertThat(buffer.write(loopback.queue(0), frame(written))).as("room again").isPositive();
            for (int number = 1; number <= written; number++) {
                assertThat(buffer.read(loopback.queue(0))).isEqualTo(60 + number % 1000);
            }
            assertThat(buffer.read(loopback.queue(0))).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void attachingIsOnlyNoted() {
        try (LoopbackDevice loopback = LoopbackDevice.open("lo0", 1); FrameBuffer buffer = new FrameBuffer(2048)) {
            TapQueue queue = loopback.queue(0);
            assertThat(queue.attached()).isTrue();
            queue.attach(false);
            assertThat(queue.attached()).isFalse();
            assertThat(buffer.write(queue, frame(1))).isEqualTo(61);
            queue.attach(true);
            assertThat(queue.attached()).isTrue();
            assertThat(buffer.read(queue)).as("nothing was thrown away").isEqualTo(61);
        }
    }

    @Test
    void framesThatWaitGoToTheNextOwner() {
        LoopbackDevice first = LoopbackDevice.open("lo0", 2);
        try (FrameBuffer buffer = new FrameBuffer(2048)) {
            for (int number = 0; number < 10; number++) {
                buffer.write(first.queue(number % 2), frame(number));
            }
            assertThat(buffer.read(first.queue(0))).isEqualTo(60);

            try (LoopbackDevice second = LoopbackDevice.adopt("lo0", passed(first))) {
                first.close();
                assertThat(first.queue(0).fdValue()).isEqualTo(-1);
                for (int number = 1; number < 10; number++) {
                    assertThat(buffer.read(second.queue(number % 2))).isEqualTo(60 + number);
                    assertThat(buffer.bytes(60 + number)).isEqualTo(frame(number));
                }
                assertThat(second).hasToString("loopback lo0, queues=2");
            }
        }
    }

    @Test
    void whatIsNoLoopbackIsRefusedByNameAndLeftAlone() {
        Fd[] pair = UnixSocket.pair(UnixSocket.DGRAM);
        Fd[] stream = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd a = pair[0]; Fd b = pair[1]; Fd c = stream[0]; Fd d = stream[1]; Fd good = UnixSocket.loop();
            Fd file = FileIo.open("/dev/null", FileIo.O_RDWR, 0)) {
            assertRefused(List.of(good, file), file, " for queue 1 is no UNIX socket");
            assertRefused(List.of(good, c), c, " for queue 1 is no datagram socket");
            assertRefused(List.of(d), d, " for queue 0 is no datagram socket");
            assertRefused(List.of(a), a, " for queue 0 is not connected to itself");
            assertRefused(List.of(b), b, " for queue 0 is not connected to itself");
            UnixSocket.sendBuffer(good, 4096);
            assertRefused(List.of(good), good, " for queue 0 has a send buffer for frames of 8160 bytes, "
                + TapDevice.MAX_FRAME_BYTES + " are needed (SO_SNDBUF, net.core.wmem_max)");
            assertThat(UnixSocket.sendBuffer(good)).as("not repaired").isEqualTo(8192);
        }
        try (Fd blocking = UnixSocket.loop()) {
            FileIo.setNonBlocking(blocking, false);
            assertRefused(List.of(blocking), blocking,
                " for queue 0 is blocking and would stop the agent: set O_NONBLOCK on it first");
            assertThat(FileIo.isNonBlocking(blocking)).isFalse();
        }
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> LoopbackDevice.open("lo0", 0))
            .withMessage("loopback lo0: a loopback has 1 to 256 queues, not 0");
    }

    @Test
    void aQueueOfAPairReadsWhatTheOtherEndWrites() {
        Fd[] pair = UnixSocket.pair(UnixSocket.DGRAM);
        for (Fd end : pair) {
            FileIo.setNonBlocking(end, true);
        }
        try (TapQueue a = TapQueue.ofSocket("pair", 0, pair[0]); TapQueue b = TapQueue.ofSocket("pair", 1, pair[1]);
            FrameBuffer buffer = new FrameBuffer(100, 100)) {
            assertThat(buffer.write(a, frame(5))).isEqualTo(65);
            assertThat(buffer.read(a)).isEqualTo(-Errno.EAGAIN);
            assertThat(buffer.read(b)).isEqualTo(65);
            assertThat(b).hasToString("pair queue 1");
        }
    }

    private static void assertRefused(List<Fd> fds, Fd wrong, String reason) {
        assertThatExceptionOfType(TapException.class).isThrownBy(() -> LoopbackDevice.adopt("lo0", fds).close())
            .withMessage("loopback lo0: descriptor " + wrong.value() + reason);
        assertThat(fds).allMatch(Fd::isOpen);
    }

    private static List<Fd> passed(LoopbackDevice device) {
        return Descriptors.passed(IntStream.range(0, device.queueCount()).mapToObj(i -> device.queue(i).fd()).toList());
    }

    private static byte[] frame(int number) {
        return ByteBuffer.allocate(60 + number % 1000).putInt(20, number).array();
    }
}
