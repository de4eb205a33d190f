package dev.baton.bench.guest;

import dev.baton.ffi.MemFd;
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
 * One queue pair of a guest, and a driver that polls it and wants no notifications: receives frames and forgets them,
 * and sends one that is always the same. Its memory is one region of hugepages, as DPDK's would be.
 *
 * <pre>
 *   | receiveq | transmitq | frame to send | 2 KiB receive buffers ...
 * </pre>
 */
final class GuestNic implements AutoCloseable {
    private static final int QUEUE_SIZE = 1024;
    private static final int BUFFER_BYTES = 2048;
    private static final long HUGEPAGE = 2L << 20;
    private static final long MEMORY_BYTES = 2 * HUGEPAGE;
    private static final long GUEST_ADDRESS = 0x1_0000_0000L;
    private static final long WANTED = Features.VERSION_1 | Features.MRG_RXBUF | Features.IN_ORDER;
    /** With STATUS DPDK would wait for the driver's word that it is done, which this driver does not give. */
    private static final long PROTOCOL = ProtocolFeatures.IMPLEMENTED & ~ProtocolFeatures.STATUS;
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    /** 0x88b5 in network byte order, for local experiments. */
    private static final short ETHERTYPE = (short) 0xb588;

    private final FrontEnd frontEnd;
    private final SharedMemory memory;
    private final FrontEndRing receiveq;
    private final FrontEndRing transmitq;
    private final VirtqueueDriver rx;
    private final VirtqueueDriver tx;
    private final long frame;
    private final int frameBytes;
    /** The guest address of the buffer of the chain with this head. */
    private final long[] buffers = new long[QUEUE_SIZE];

    private GuestNic(FrontEnd frontEnd, SharedMemory memory, int frameBytes) throws ProtocolException {
        this.frontEnd = frontEnd;
        this.memory = memory;
        this.frameBytes = frameBytes;
        long features = frontEnd.negotiate(WANTED, PROTOCOL);
        frontEnd.setMemoryTable(List.of(memory));
        receiveq = FrontEndRing.create(0, QUEUE_SIZE, memory);
        transmitq = FrontEndRing.create(1, QUEUE_SIZE, memory);
        rx = VirtqueueDriver.of(receiveq.layout(), features);
        tx = VirtqueueDriver.of(transmitq.layout(), features);
        frame = memory.allocate(BUFFER_BYTES, BUFFER_BYTES);
        VirtioNetHeader.plain(frame);
        RawMemory.putByte(frame + VirtioNetHeader.LENGTH, (byte) 2);
        RawMemory.putByte(frame + VirtioNetHeader.LENGTH + 6, (byte) 2);
        RawMemory.putShort(frame + VirtioNetHeader.LENGTH + 12, ETHERTYPE);
    }

    /** Attaches to a back end that listens. */
    static GuestNic connect(Path socket, int frameBytes) throws ProtocolException {
        FrontEnd frontEnd = FrontEnd.connect(socket, PATIENCE);
        SharedMemory memory = SharedMemory.create(GUEST_ADDRESS, MEMORY_BYTES, 0, MemFd.MFD_HUGETLB);
        try {
            GuestNic nic = new GuestNic(frontEnd, memory, frameBytes);
            nic.start();
            return nic;
        } catch (ProtocolException | RuntimeException e) {
            frontEnd.close();
            memory.close();
            throw e;
        }
    }

    private void start() throws ProtocolException {
        while (rx.freeDescriptors() > 0) {
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

    /** Forgets the frames that have arrived, and gives their buffers back; returns how many they were. */
    int receive() {
        int frames = 0;
        for (int head = rx.pollUsed(); head >= 0; head = rx.pollUsed()) {
            offer(buffers[head]);
            frames++;
        }
        if (frames > 0 && rx.publish()) {
            receiveq.kick().signal();
        }
        return frames;
    }

    /** Sends the frame. */
    void send() {
        while (tx.pollUsed() >= 0) {
            // Its buffer is every frame's.
        }
        tx.addReadable(memory.guestOf(frame), VirtioNetHeader.LENGTH + frameBytes);
        if (tx.publish()) {
            transmitq.kick().signal();
        }
    }

    @Override
    public void close() {
        frontEnd.close();
        receiveq.close();
        transmitq.close();
        memory.close();
    }
}
