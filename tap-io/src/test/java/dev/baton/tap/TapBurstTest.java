package dev.baton.tap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.baton.ffi.Errno;
import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.TunTap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a burst does at a real TAP, and at a loopback, is the same with a ring and without. */
@ParameterizedClass
@ValueSource(booleans = {false, true})
@Timeout(60)
@SuppressWarnings("NullAway.Init") // a test that needs a TAP opens it first
class TapBurstTest {
    private static final String KERNEL = "10.77.0.1";
    private static final String US = "10.77.0.2";
    private static final int PORT = 4001;
    private static final int OUR_PORT = 4002;
    private static final int HEADERS = 12 + 14 + 20 + 8;
    private static final int ROOM = 2048;

    private final boolean ioUring;
    private final Mapping memory = Mapping.anonymous((long) TapBurst.MAX_FRAMES * ROOM);
    private TestNamespace namespace;
    private TapDevice tap;
    private DatagramSocket socket;

    TapBurstTest(boolean ioUring) {
        this.ioUring = ioUring;
    }

    private TapQueue openTap() {
        namespace = TestNamespace.createOrSkip();
        tap = TapDevice.open(namespace.config("tap0").up(true).build());
        namespace.run(() -> NetDevice.ipv4Address("tap0", KERNEL, 24));
        socket = namespace.udp(PORT);
        return prepared(tap.queue(0));
    }

    private TapQueue prepared(TapQueue queue) {
        if (ioUring) {
            try {
                queue.useIoUring();
            } catch (TapException e) {
                Assumptions.abort("no io_uring here: " + e.getMessage());
            }
        }
        assertThat(queue.usesIoUring()).isEqualTo(ioUring);
        return queue;
    }

    @AfterEach
    void close() {
        if (tap != null) {
            tap.close();
        }
        if (socket != null) {
            socket.close();
        }
        if (namespace != null) {
            namespace.close();
        }
        memory.close();
    }

    private long buffer(int index) {
        return memory.address() + (long) index * ROOM;
    }

    private int put(int buffer, byte[] frame) {
        RawMemory.copyFromArray(frame, 0, buffer(buffer), frame.length);
        return frame.length;
    }

    private byte[] toKernel(int payloadBytes) {
        return Frames.udp(tap.mac(), US, KERNEL, PORT, Frames.payload(payloadBytes));
    }

    /** Bursts around the size from which a ring is worth it, and the longest; frames in one piece and in several. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 6, 7, 31, 32})
    void everyFrameOfABurstIsWrittenInOrder(int frames) throws IOException {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        try (IovecArray lists = new IovecArray(3 * TapBurst.MAX_FRAMES)) {
            for (int round = 0; round < 20; round++) {
                burst.clear();
                for (int i = 0; i < frames; i++) {
                    int length = put(i, toKernel(1 + (round * frames + i) * 67 % 1472));
                    if (i % 3 == 2) {
                        lists.set(3 * i, buffer(i), 12);
                        lists.set(3 * i + 1, buffer(i) + 12, 14);
                        lists.set(3 * i + 2, buffer(i) + 26, length - 26);
                        burst.addList(lists.address(3 * i), 3);
                    } else {
                        burst.add(buffer(i), length);
                    }
                }
                assertThat(burst.write()).isEqualTo(frames);
                for (int i = 0; i < frames; i++) {
                    int payload = 1 + (round * frames + i) * 67 % 1472;
                    assertThat(burst.result(i)).isEqualTo(HEADERS + payload);
                    assertThat(receive()).isEqualTo(Frames.payload(payload));
                }
            }
        }
    }

    /** More buffers than frames, as many, and fewer: what does not fit stays in the queue. */
    @ParameterizedTest
    @CsvSource({"0,1", "0,32", "1,1", "1,32", "5,32", "6,6", "17,32", "32,32", "40,32", "20,5"})
    void aReadFindsWhatWaits(int waiting, int buffers) {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        for (int i = 0; i < waiting; i++) {
            send(10 + i);
        }
        int seen = 0;
        int expected = Math.min(waiting, buffers);
        do {
            assertThat(read(burst, buffers, ROOM)).isEqualTo(expected);
            assertThat(burst.cutOff()).isZero();
            for (int i = 0; i < expected; i++) {
                assertFrame(burst, i, 10 + seen + i);
            }
            seen += expected;
            expected = Math.min(waiting - seen, buffers);
        } while (seen < waiting);
        assertThat(read(burst, buffers, ROOM)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 20})
    void writesWhileTheInterfaceIsDownAreLostAndLaterOnesAreNot(int frames) throws IOException {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        byte[] frame = toKernel(64);
        tap.up(false);
        assertThat(write(burst, frames, frame)).isEqualTo(frames);
        for (int i = 0; i < frames; i++) {
            assertThat(burst.result(i)).isEqualTo(-Errno.EIO);
        }
        assertThat(read(burst, frames, ROOM)).isZero();
        tap.up(true);
        assertThat(write(burst, frames, frame)).isEqualTo(frames);
        for (int i = 0; i < frames; i++) {
            assertThat(receive()).isEqualTo(Frames.payload(64));
        }
    }

    /** Each is refused for itself, with the error that a call of its own would have. */
    @ParameterizedTest
    @ValueSource(ints = {5, 32})
    void badFramesAmongGoodOnesHarmNoOther(int frames) throws IOException {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        byte[] good = toKernel(64);
        byte[] unknownGso = good.clone();
        unknownGso[1] = 7;
        for (int i = 0; i < frames; i++) {
            int length = put(i, i % 5 == 1 ? unknownGso : good);
            burst.add(i % 5 == 2 ? 8 : buffer(i), i % 5 == 3 ? 11 : length);
        }
        assertThat(burst.write()).isEqualTo(frames);
        for (int i = 0; i < frames; i++) {
            long expected = switch (i % 5) {
                case 1, 3 -> -Errno.EINVAL;
                case 2 -> -Errno.EFAULT;
                default -> good.length;
            };
            assertThat(burst.result(i)).as("frame " + i).isEqualTo(expected);
            if (expected > 0) {
                assertThat(receive()).isEqualTo(Frames.payload(64));
            }
        }
    }

    /** A frame that does not fit its buffer takes only that one from the rest, which keep their order. */
    @ParameterizedTest
    @ValueSource(ints = {5, 12})
    void aFrameThatIsCutOffIsCountedAndLeavesNoGap(int frames) {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        for (int i = 0; i < frames; i++) {
            send(i == 2 ? 1000 : 10 + i);
        }
        burst.clear();
        for (int i = 0; i < frames + 1; i++) {
            burst.add(buffer(i), i == 2 ? 500 : ROOM);
        }
        assertThat(burst.read()).isEqualTo(frames - 1);
        assertThat(burst.cutOff()).isEqualTo(1);
        for (int i = 0; i < frames - 1; i++) {
            assertFrame(burst, i, 10 + (i < 2 ? i : i + 1));
        }
    }

    /** A loopback holds so many frames and no more: what found no room is tried again, and comes once and in order. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4, 32})
    void framesThatFindNoRoomStayTheCallers(int frames) {
        try (LoopbackDevice loopback = LoopbackDevice.open("loop", 1)) {
            TapQueue queue = prepared(loopback.queue(0));
            TapBurst burst = new TapBurst(queue);
            int sent = 0;
            int received = 0;
            int full = 0;
            while (received < 20_000) {
                burst.clear();
                for (int i = 0; i < frames; i++) {
                    RawMemory.putLong(buffer(i), sent + i);
                    burst.add(buffer(i), 60 + i);
                }
                int settled = burst.write();
                for (int i = 0; i < settled; i++) {
                    assertThat(burst.result(i)).isEqualTo(60 + i);
                }
                sent += settled;
                if (settled == frames) {
                    continue;
                }
                full++;
                int found;
                do {
                    found = read(burst, TapBurst.MAX_FRAMES, ROOM);
                    for (int i = 0; i < found; i++) {
                        assertThat(RawMemory.getLong(buffer(i))).isEqualTo(received);
                        received++;
                    }
                } while (found > 0 && received < sent - 100);
            }
            assertThat(full).isPositive();
        }
    }

    @Test
    void aQueueThatWasClosedMovesNothing() {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        byte[] frame = toKernel(64);
        queue.close();
        assertThat(queue.usesIoUring()).isFalse();
        assertThat(write(burst, 10, frame)).isEqualTo(10);
        assertThat(burst.result(0)).isEqualTo(-Errno.EBADF);
        assertThat(read(burst, 10, ROOM)).isZero();
    }

    /** A ring has the queue open as well, and may not keep it. */
    @Test
    void theInterfaceGoesWithItsQueue() throws IOException {
        TapQueue queue = openTap();
        assertThat(write(new TapBurst(queue), 10, toKernel(64))).isEqualTo(10);
        tap.close();
        assertThat((boolean) namespace.call(() -> NetDevice.exists("tap0"))).isFalse();
    }

    @Test
    void aDeletedInterfaceEndsTheQueue() {
        TapQueue queue = openTap();
        TapBurst burst = new TapBurst(queue);
        byte[] frame = toKernel(64);
        namespace.ip("link", "del", "tap0");
        assertThat(write(burst, 10, frame)).isEqualTo(10);
        assertThat(burst.result(9)).isEqualTo(-Errno.EBADFD);
        assertThat(read(burst, 10, ROOM)).isZero();
    }

    @Test
    void aDetachedQueueReadsNothingButStillWrites() throws IOException {
        namespace = TestNamespace.createOrSkip();
        tap = TapDevice.open(namespace.config("tap0").queues(2).up(true).build());
        namespace.run(() -> NetDevice.ipv4Address("tap0", KERNEL, 24));
        socket = namespace.udp(PORT);
        TapQueue queue = prepared(tap.queue(1));
        TapBurst burst = new TapBurst(queue);
        queue.attach(false);
        send(10);
        assertThat(read(burst, 10, ROOM)).isZero();
        assertThat(write(burst, 10, toKernel(64))).isEqualTo(10);
        assertThat(receive()).isEqualTo(Frames.payload(64));
    }

    /** Any thread may be the next that works with the queue. */
    @Test
    void theQueueChangesItsThread() throws Exception {
        TapQueue queue = openTap();
        byte[] frame = toKernel(64);
        for (int i = 0; i < 5; i++) {
            Thread thread = new Thread(() -> {
                queue.greetIoUring();
                assertThat(write(new TapBurst(queue), 32, frame)).isEqualTo(32);
            });
            Throwable[] failure = new Throwable[1];
            thread.setUncaughtExceptionHandler((_, e) -> failure[0] = e);
            thread.start();
            thread.join();
            assertThat(failure[0]).isNull();
            for (int k = 0; k < 32; k++) {
                assertThat(receive()).isEqualTo(Frames.payload(64));
            }
        }
    }

    @Test
    void theLongestFrameFollowsTheOffloadsAndTheMtu() {
        TapQueue queue = openTap();
        assertThat(queue.longestFrame()).as("nobody has asked yet").isEqualTo(TapDevice.MAX_FRAME_BYTES);
        tap.learnLongestFrame();
        assertThat(queue.longestFrame()).isEqualTo(12 + 14 + 8 + 1500);
        tap.mtu(9000);
        assertThat(queue.longestFrame()).isEqualTo(TapDevice.MAX_FRAME_BYTES);
        tap.setOffloads(TunTap.TUN_F_CSUM);
        assertThat(queue.longestFrame()).isEqualTo(12 + 14 + 8 + 9000);
        tap.setOffloads(TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4);
        assertThat(queue.longestFrame()).isEqualTo(TapDevice.MAX_FRAME_BYTES);
        tap.setOffloads(0);
        queue.forgetLongestFrame();
        assertThat(queue.longestFrame()).isEqualTo(TapDevice.MAX_FRAME_BYTES);
    }

    @Test
    void aRingThatCannotBeMadeIsRefusedByName() {
        Assumptions.assumeTrue(ioUring);
        TapQueue queue = openTap();
        tap.close();
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(queue::useIoUring);
        assertThat(queue.usesIoUring()).isFalse();
    }

    private int write(TapBurst burst, int frames, byte[] frame) {
        burst.clear();
        for (int i = 0; i < frames; i++) {
            burst.add(buffer(i), put(i, frame));
        }
        return burst.write();
    }

    private int read(TapBurst burst, int buffers, int room) {
        burst.clear();
        for (int i = 0; i < buffers; i++) {
            burst.add(buffer(i), room);
        }
        return burst.read();
    }

    private void assertFrame(TapBurst burst, int index, int payload) {
        assertThat(burst.lengthBytes(index)).isEqualTo(HEADERS + payload);
        byte[] frame = new byte[HEADERS + payload];
        RawMemory.copyToArray(buffer(index), frame, 0, frame.length);
        assertThat(Frames.isUdpTo(frame, OUR_PORT)).isTrue();
        assertThat(Arrays.copyOfRange(frame, HEADERS, frame.length)).isEqualTo(Frames.payload(payload));
    }

    private byte[] receive() throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[9000], 9000);
        socket.receive(packet);
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    /** To the broadcast address, so that nobody asks for ours first. */
    private void send(int payload) {
        try {
            socket.send(new DatagramPacket(Frames.payload(payload), payload, InetAddress.getByName("10.77.0.255"),
                OUR_PORT));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
