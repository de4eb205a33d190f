package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueDriver;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.LongConsumer;

/** A guest at the other end of a real vhost-user socket: shared memory, drivers, frames of up to a few KiB. */
final class TestGuest implements AutoCloseable {
    static final long FEATURES = Features.VERSION_1 | Features.MRG_RXBUF | Features.EVENT_IDX | Features.INDIRECT_DESC;

    static final long PACKED = FEATURES | Features.RING_PACKED;

    static final int SIZE = 256;
    private static final int SLOT_BYTES = 2048;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    final FrontEnd frontEnd;
    final SharedMemory memory;
    final long features;
    final List<FrontEndRing> rings = new ArrayList<>();
    private final List<VirtqueueDriver> drivers = new ArrayList<>();
    private final List<Deque<Long>> freeSlots = new ArrayList<>();
    private final List<long[]> slotOfHead = new ArrayList<>();
    private final long assembly;
    private final int bufferBytes;

    private TestGuest(FrontEnd frontEnd, int pairs, long wanted) throws ProtocolException {
        this(frontEnd, pairs, wanted, SLOT_BYTES);
    }

    private TestGuest(FrontEnd frontEnd, int pairs, long wanted, int bufferBytes) throws ProtocolException {
        this.frontEnd = frontEnd;
        this.bufferBytes = bufferBytes;
        features = frontEnd.negotiate(wanted, ProtocolFeatures.IMPLEMENTED);
        memory = SharedMemory.create(0x10_0000, 2L * pairs * SIZE * SLOT_BYTES + (4L << 20));
        frontEnd.setMemoryTable(List.of(memory));
        assembly = memory.allocate(1 << 17, 64);
        for (int index = 0; index < 2 * pairs; index++) {
            FrontEndRing ring = FrontEndRing.create(RingFormat.of(features), index, SIZE, memory);
            rings.add(ring);
            VirtqueueDriver driver = VirtqueueDriver.of(ring.layout(), features);
            drivers.add(driver);
            slotOfHead.add(new long[SIZE]);
            freeSlots.add(new ArrayDeque<>());
            for (int i = 0; i < SIZE; i++) {
                freeSlots.get(index).add(memory.allocate(SLOT_BYTES, 64));
            }
            if (index % 2 == 0) {
                refill(index);
            }
            frontEnd.startRing(ring);
        }
        for (int index = 0; index < 2 * pairs; index++) {
            frontEnd.enableRing(index, true);
        }
    }

    static TestGuest connect(Path socket, int pairs, long features) throws ProtocolException {
        return new TestGuest(FrontEnd.connect(socket, PATIENCE), pairs, features);
    }

    /** A guest with one queue pair and receive buffers of so many bytes. */
    static TestGuest connect(Path socket, long features, int bufferBytes) throws ProtocolException {
        return new TestGuest(FrontEnd.connect(socket, PATIENCE), 1, features, bufferBytes);
    }

    static TestGuest connect(Path socket) throws ProtocolException {
        return connect(socket, 1, FEATURES);
    }

    static TestGuest accept(Fd listener) throws ProtocolException {
        return new TestGuest(FrontEnd.accept(listener, PATIENCE), 1, FEATURES);
    }

    private void refill(int index) {
        Deque<Long> free = freeSlots.get(index);
        VirtqueueDriver driver = drivers.get(index);
        while (!free.isEmpty()) {
            long slot = free.remove();
            slotOfHead.get(index)[driver.addWritable(memory.guestOf(slot), bufferBytes)] = slot;
        }
        if (driver.publish()) {
            rings.get(index).kick().signal();
        }
    }

    VirtqueueDriver transmitq(int pair) {
        return drivers.get(2 * pair + 1);
    }

    VirtqueueDriver receiveq(int pair) {
        return drivers.get(2 * pair);
    }

    EventFd transmitKick(int pair) {
        return rings.get(2 * pair + 1).kick();
    }

    /** Sends an Ethernet frame with a plain header; false when the queue is full. */
    boolean send(int pair, byte[] frame) {
        int index = 2 * pair + 1;
        VirtqueueDriver driver = drivers.get(index);
        for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
            freeSlots.get(index).add(slotOfHead.get(index)[head]);
        }
        Long slot = freeSlots.get(index).poll();
        if (slot == null) {
            return false;
        }
        VirtioNetHeader.plain(slot);
        RawMemory.copyFromArray(frame, 0, slot + VirtioNetHeader.LENGTH, frame.length);
        int head = driver.addReadable(memory.guestOf(slot), VirtioNetHeader.LENGTH + frame.length);
        slotOfHead.get(index)[head] = slot;
        if (driver.publish()) {
            rings.get(index).kick().signal();
        }
        return true;
    }

    /** Hands arrived frames to the handler, Ethernet header first; returns how many. */
    int receive(int pair, FrameHandler handler) {
        return receive(pair, handler, slot -> { });
    }

    /** Tells the host address of each buffer that was written besides. */
    int receive(int pair, FrameHandler handler, LongConsumer written) {
        int index = 2 * pair;
        VirtqueueDriver driver = drivers.get(index);
        int frames = 0;
        for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
            int buffers = VirtioNetHeader.numBuffers(slotOfHead.get(index)[head]);
            int length = 0;
            for (int i = 0; i < buffers; i++) {
                int at = i == 0 ? head : driver.pollUsed();
                long slot = slotOfHead.get(index)[at];
                written.accept(slot);
                RawMemory.copy(slot, assembly + length, driver.usedBytes());
                length += driver.usedBytes();
                freeSlots.get(index).add(slot);
            }
            handler.frame(assembly + VirtioNetHeader.LENGTH, length - VirtioNetHeader.LENGTH);
            frames++;
        }
        if (frames > 0) {
            refill(index);
        }
        return frames;
    }

    @Override
    public void close() {
        frontEnd.close();
        rings.forEach(FrontEndRing::close);
        memory.close();
    }
}
