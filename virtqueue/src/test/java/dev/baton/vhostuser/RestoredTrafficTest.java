package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Poll;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import dev.baton.virtqueue.VirtqueueDriver;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A front end and its frames over back ends that follow each other; each message waits for its acknowledgement. */
@Timeout(60)
class RestoredTrafficTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int FRAME_BYTES = 100;
    private static final int FRAMES_PER_OWNER = 7;

    /** Serves until the front end goes; every few frames another owner takes over. Returns how many there were. */
    private static CompletableFuture<Integer> serve(Fd socket) {
        CompletableFuture<Integer> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                result.complete(serveAll(socket));
            } catch (ProtocolException | RuntimeException | AssertionError e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    private static int serveAll(Fd socket) throws ProtocolException {
        EchoDevice device = new EchoDevice(1);
        BackendConnection connection = new BackendConnection(socket, device);
        try {
            int owners = 1;
            boolean open = true;
            while (open) {
                int work = device.doWork();
                if (Poll.await(connection.socket(), Poll.IN, work > 0 ? 0 : 1) != 0) {
                    open = connection.onReadable();
                }
                if (open && device.frames >= FRAMES_PER_OWNER) {
                    EchoDevice next = new EchoDevice(1);
                    BackendConnection continued = BackendConnection.restore(connection.socket().duplicate(), next,
                        States.duplicate(connection.state()));
                    connection.abandon();
                    device.disconnected();
                    connection = continued;
                    device = next;
                    owners++;
                }
            }
            return owners;
        } finally {
            connection.close();
        }
    }

    @Test
    void framesFlowOverManyOwners() throws Exception {
        Resources before = Resources.now();
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        CompletableFuture<Integer> owners = serve(pair[0]);
        int frames = 300;
        try (FrontEnd frontEnd = new FrontEnd(pair[1], PATIENCE);
             SharedMemory rings = SharedMemory.create(0x10_0000, 1 << 18, 1 << 14, 0);
             SharedMemory buffers = SharedMemory.create(0x1_0000_0000L, 1 << 20);
             FrontEndRing receive = FrontEndRing.create(0, 16, rings);
             FrontEndRing transmit = FrontEndRing.create(1, 16, rings)) {
            long features = frontEnd.negotiate(-1L, ProtocolFeatures.IMPLEMENTED);
            frontEnd.setMemoryTable(List.of(rings, buffers));
            frontEnd.startRing(receive);
            frontEnd.startRing(transmit);
            frontEnd.enableRing(0, true);
            frontEnd.enableRing(1, true);
            echo(frames, buffers, VirtqueueDriver.of(receive.layout(), features),
                VirtqueueDriver.of(transmit.layout(), features));
            frontEnd.enableRing(1, false);
            frontEnd.removeMemory(buffers);
            frontEnd.setMemoryTable(List.of(buffers, rings));
            assertThat(frontEnd.stopRing(0)).isEqualTo(frames);
            assertThat(frontEnd.stopRing(1)).isEqualTo(frames);
            frontEnd.resetDevice();
        }
        assertThat(owners.get()).isGreaterThanOrEqualTo(frames / FRAMES_PER_OWNER);
        assertThat(Resources.now()).isEqualTo(before);
    }

    private static void echo(int frames, SharedMemory buffers, VirtqueueDriver receiver,
        VirtqueueDriver transmitter) {
        long in = buffers.allocate(FRAME_BYTES, 64);
        long out = buffers.allocate(FRAME_BYTES, 64);
        for (int i = 0; i < frames; i++) {
            receiver.addWritable(buffers.guestOf(in), FRAME_BYTES);
            receiver.publish();
            RawMemory.fill(out, FRAME_BYTES, (byte) i);
            transmitter.addReadable(buffers.guestOf(out), FRAME_BYTES);
            transmitter.publish();
            while (receiver.pollUsed() < 0) {
                Thread.onSpinWait();
            }
            assertThat(receiver.usedBytes()).isEqualTo(FRAME_BYTES);
            assertThat(RawMemory.getByte(in + FRAME_BYTES - 1)).isEqualTo((byte) i);
            while (transmitter.pollUsed() < 0) {
                Thread.onSpinWait();
            }
        }
    }
}
