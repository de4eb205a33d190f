package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Poll;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import dev.baton.virtqueue.VirtqueueDriver;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FrontEndTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int FRAME_BYTES = 100;

    @TempDir
    private Path folder;

    /** Serves a connection with an echo device; how many frames it moved, once the front end is gone and all closed. */
    private static CompletableFuture<Long> serve(Fd socket) {
        CompletableFuture<Long> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            EchoDevice device = new EchoDevice(2);
            try {
                echo(socket, device);
                result.complete(device.frames);
            } catch (ProtocolException | RuntimeException | AssertionError e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    private static void echo(Fd socket, EchoDevice device) throws ProtocolException {
        try (BackendConnection connection = new BackendConnection(socket, device)) {
            boolean open = true;
            while (open) {
                int work = device.doWork();
                if (Poll.await(socket, Poll.IN, work > 0 ? 0 : 1) != 0) {
                    open = connection.onReadable();
                }
            }
        }
    }

    private static void echoFrames(FrontEnd frontEnd, long features, int frames) throws ProtocolException {
        try (SharedMemory rings = SharedMemory.create(0x10_0000, 1 << 18, 1 << 14, 0);
             SharedMemory buffers = SharedMemory.create(0x1_0000_0000L, 1 << 20);
             FrontEndRing receive = FrontEndRing.create(0, 64, rings);
             FrontEndRing transmit = FrontEndRing.create(1, 64, rings)) {
            frontEnd.setMemoryTable(List.of(rings));
            frontEnd.addMemory(buffers);
            frontEnd.addMemory(buffers);
            frontEnd.startRing(receive);
            frontEnd.startRing(transmit);
            frontEnd.enableRing(0, true);
            frontEnd.enableRing(1, true);
            VirtqueueDriver receiver = VirtqueueDriver.of(receive.layout(), features);
            VirtqueueDriver transmitter = VirtqueueDriver.of(transmit.layout(), features);
            long in = buffers.allocate(FRAME_BYTES, 64);
            long out = buffers.allocate(FRAME_BYTES, 64);
            for (int i = 0; i < frames; i++) {
                receiver.addWritable(buffers.guestOf(in), FRAME_BYTES);
                receiver.publish();
                RawMemory.fill(out, FRAME_BYTES, (byte) i);
                transmitter.addReadable(buffers.guestOf(out), FRAME_BYTES);
                if (transmitter.publish()) {
                    transmit.kick().signal();
                }
                while (receiver.pollUsed() < 0) {
                    Thread.onSpinWait();
                }
                assertThat(receiver.usedBytes()).isEqualTo(FRAME_BYTES);
                assertThat(RawMemory.getByte(in + FRAME_BYTES - 1)).isEqualTo((byte) i);
                while (transmitter.pollUsed() < 0) {
                    Thread.onSpinWait();
                }
            }
            assertThat(frontEnd.stopRing(0)).isEqualTo(frames);
            assertThat(frontEnd.stopRing(1)).isEqualTo(frames);
            frontEnd.removeMemory(buffers);
        }
    }

    @Test
    void framesFlowOverAListeningSocket() throws Exception {
        Resources before = Resources.now();
        Path path = folder.resolve("vm0.sock");
        CompletableFuture<Long> moved;
        try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1);
             FrontEnd frontEnd = FrontEnd.connect(path, PATIENCE)) {
            moved = serve(Objects.requireNonNull(UnixSocket.accept(listener, true)));
            long features = frontEnd.negotiate(-1L, ProtocolFeatures.IMPLEMENTED);
            assertThat(features & ProtocolFeatures.F_PROTOCOL_FEATURES).isZero();
            assertThat(frontEnd.maxQueuePairs()).isEqualTo(2);
            echoFrames(frontEnd, features, 200);
            frontEnd.status(0);
            frontEnd.resetDevice();
            assertThat(frontEnd.status()).isZero();
        }
        assertThat(moved.get()).isEqualTo(200);
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void framesFlowToABackEndThatConnects() throws Exception {
        Path path = folder.resolve("vm0.sock");
        try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1)) {
            CompletableFuture<Long> moved = serve(UnixSocket.connect(path, UnixSocket.STREAM));
            try (FrontEnd frontEnd = FrontEnd.accept(listener, PATIENCE)) {
                echoFrames(frontEnd, frontEnd.negotiate(-1L, ProtocolFeatures.IMPLEMENTED), 10);
            }
            assertThat(moved.get()).isEqualTo(10);
        }
    }

    @Test
    void refusalNamesTheRequest() throws Exception {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        CompletableFuture<Long> served = serve(pair[0]);
        try (FrontEnd frontEnd = new FrontEnd(pair[1], PATIENCE)) {
            frontEnd.negotiate(-1L, ProtocolFeatures.IMPLEMENTED);
            assertThatThrownBy(() -> frontEnd.mtu(10)).isInstanceOfSatisfying(ProtocolException.class,
                e -> assertThat(e.kind()).isEqualTo(ErrorKind.REFUSED)).hasMessageContaining("NET_SET_MTU");
            frontEnd.mtu(1500);
            frontEnd.announce(new byte[6]);
            frontEnd.resetOwner();
            frontEnd.ringErr(0, null);
        }
        served.get();
    }

    @Test
    void aStateGoesFromOneBackEndToAnother() throws Exception {
        Resources before = Resources.now();
        Fd[] source = UnixSocket.pair(UnixSocket.STREAM);
        Fd[] destination = UnixSocket.pair(UnixSocket.STREAM);
        CompletableFuture<Long> first = serve(source[0]);
        CompletableFuture<Long> second = serve(destination[0]);
        try (FrontEnd from = new FrontEnd(source[1], PATIENCE); FrontEnd to = new FrontEnd(destination[1], PATIENCE)) {
            echoFrames(from, from.negotiate(-1L, ProtocolFeatures.IMPLEMENTED), 5);
            byte[] state = from.saveDeviceState();
            to.loadDeviceState(state);
            state[20]++;
            assertThatThrownBy(() -> to.loadDeviceState(state)).hasMessage("refused: CHECK_DEVICE_STATE");
            echoFrames(to, to.negotiate(-1L, ProtocolFeatures.IMPLEMENTED), 5);
            from.ringSize(0, 64);
        }
        assertThat(first.get() + second.get()).isEqualTo(10);
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void aDeviceThatRunsIsNotSaved() throws Exception {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        CompletableFuture<Long> served = serve(pair[0]);
        try (FrontEnd frontEnd = new FrontEnd(pair[1], PATIENCE);
             SharedMemory memory = SharedMemory.create(0x10_0000, 1 << 18);
             FrontEndRing ring = FrontEndRing.create(0, 64, memory)) {
            frontEnd.negotiate(-1L, ProtocolFeatures.IMPLEMENTED);
            frontEnd.setMemoryTable(List.of(memory));
            InflightState inflight = frontEnd.inflight(4, 64);
            try (Fd file = inflight.file()) {
                frontEnd.setInflight(inflight);
                frontEnd.startRing(ring);
                assertThatThrownBy(() -> frontEnd.setInflight(inflight)).hasMessageContaining("SET_INFLIGHT_FD");
                assertThatThrownBy(frontEnd::saveDeviceState).hasMessage("refused: SET_DEVICE_STATE_FD");
                frontEnd.stopRing(0);
                frontEnd.setInflight(inflight);
                assertThat(frontEnd.saveDeviceState()).hasSize(DeviceState.BYTES);
                assertThat(file.isOpen()).isTrue();
            }
        }
        served.get();
    }

    @Test
    void backEndThatIsNotThereOrNeverAnswersIsAnErrorInTime() throws Exception {
        Path path = folder.resolve("nobody.sock");
        Duration soon = Duration.ofMillis(20);
        assertThatThrownBy(() -> FrontEnd.connect(path, soon)).isInstanceOfSatisfying(ProtocolException.class,
            e -> assertThat(e.kind()).isEqualTo(ErrorKind.TIMEOUT));
        try (Fd listener = UnixSocket.listen(path, UnixSocket.STREAM, 0600, 1)) {
            assertThatThrownBy(() -> FrontEnd.accept(listener, soon)).hasMessageContaining("nobody connected");
            try (FrontEnd frontEnd = FrontEnd.connect(path, soon)) {
                assertThatThrownBy(frontEnd::offeredFeatures).hasMessageContaining("GET_FEATURES: no reply");
            }
        }
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (FrontEnd frontEnd = new FrontEnd(pair[1], PATIENCE)) {
            frontEnd.channel().send(Request.GET_FEATURES, false, Body.EMPTY);
            pair[0].close();
            assertThatThrownBy(() -> frontEnd.channel().receive(Request.GET_FEATURES))
                .isInstanceOfSatisfying(ProtocolException.class,
                    e -> assertThat(e.kind()).isEqualTo(ErrorKind.VANISHED));
        }
    }

    @Test
    void repliesAreCheckedLikeRequests() throws Exception {
        byte[][] bad = {Body.join(Body.u32(1, 1, 8), Body.u64(0)), Body.join(Body.u32(2, 5, 8), Body.u64(0)),
            Body.u32(1, 5, 0), Body.u32(1, 4, 8)};
        for (byte[] reply : bad) {
            Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
            try (FrontEnd frontEnd = new FrontEnd(pair[1], PATIENCE);
                 FrontEnd other = new FrontEnd(pair[0], PATIENCE)) {
                other.channel().send(reply);
                assertThatThrownBy(frontEnd::offeredFeatures).isInstanceOf(ProtocolException.class);
            }
        }
    }
}
