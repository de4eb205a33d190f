package dev.baton.bench;

import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueDriver;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A guest with one queue pair that sends the same frame again and again, from buffers of their own, and receives
 * frames, segmented ones too, and forgets them. It polls.
 */
final class FlowGuest implements AutoCloseable {
    private static final long WANTED = Features.VERSION_1 | Features.MRG_RXBUF | Features.IN_ORDER
        | Features.GUEST_CSUM | Features.GUEST_TSO4 | Features.GUEST_TSO6 | Features.GUEST_USO4 | Features.GUEST_USO6;
    private static final int BUFFER_BYTES = 2048;
    private static final long GUEST_ADDRESS = 0x1_0000_0000L;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final FrontEnd frontEnd;
    private final SharedMemory memory;
    private final FrontEndRing receiveq;
    private final FrontEndRing transmitq;
    private final VirtqueueDriver rx;
    private final VirtqueueDriver tx;
    private final long[] sent;
    private final int sentBytes;
    /** The guest address of the buffer of the chain with this head. */
    private final long[] buffers;
    private int next;
    private long used;

    /** Attaches to a port that listens. */
    FlowGuest(Path socket, int size, byte[] frame) throws ProtocolException {
        frontEnd = FrontEnd.connect(socket, PATIENCE);
        memory = SharedMemory.create(GUEST_ADDRESS, 2L * size * BUFFER_BYTES + (2 << 20));
        long features = frontEnd.negotiate(WANTED, ProtocolFeatures.IMPLEMENTED);
        frontEnd.setMemoryTable(List.of(memory));
        receiveq = FrontEndRing.create(0, size, memory);
        transmitq = FrontEndRing.create(1, size, memory);
        rx = VirtqueueDriver.of(receiveq.layout(), features);
        tx = VirtqueueDriver.of(transmitq.layout(), features);
        sent = new long[size];
        buffers = new long[size];
        sentBytes = VirtioNetHeader.LENGTH + frame.length;
        for (int i = 0; i < size; i++) {
            long buffer = memory.allocate(BUFFER_BYTES, 64);
            VirtioNetHeader.plain(buffer);
            RawMemory.copyFromArray(frame, 0, buffer + VirtioNetHeader.LENGTH, frame.length);
            sent[i] = memory.guestOf(buffer);
            offer(memory.guestOf(memory.allocate(BUFFER_BYTES, 64)));
        }
        rx.publish();
        rx.disableNotifications();
        tx.disableNotifications();
        for (FrontEndRing ring : new FrontEndRing[] {receiveq, transmitq}) {
            frontEnd.startRing(ring);
            frontEnd.enableRing(ring.index(), true);
        }
    }

    private void offer(long buffer) {
        buffers[rx.addWritable(buffer, BUFFER_BYTES)] = buffer;
    }

    /** Sends so many frames, if there is room for all of them. */
    boolean send(int frames) {
        reclaim();
        if (tx.freeDescriptors() < frames) {
            return false;
        }
        for (int i = 0; i < frames; i++) {
            tx.addReadable(sent[next], sentBytes);
            next = next + 1 == sent.length ? 0 : next + 1;
        }
        if (tx.publish()) {
            transmitq.kick().signal();
        }
        return true;
    }

    private void reclaim() {
        int head;
        do {
            head = tx.pollUsed();
        } while (head >= 0);
    }

    /** Whether all that was sent was taken. */
    boolean allTaken() {
        reclaim();
        return tx.inFlight() == 0;
    }

    /** Forgets what has arrived and gives the buffers back. */
    void receive() {
        long before = used;
        for (int head = rx.pollUsed(); head >= 0; head = rx.pollUsed()) {
            offer(buffers[head]);
            used++;
        }
        if (used > before && rx.publish()) {
            receiveq.kick().signal();
        }
    }

    /** Receive buffers that were filled so far. */
    long usedBuffers() {
        return used;
    }

    @Override
    public void close() {
        frontEnd.close();
        receiveq.close();
        transmitq.close();
        memory.close();
    }
}
