package dev.baton.datapath;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.InflightState;
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
import org.jspecify.annotations.Nullable;

/** A guest at the other end of a real vhost-user socket: shared memory, drivers, frames as long as its buffers. */
final class TestGuest implements AutoCloseable {
    static final long FEATURES = Features.VERSION_1 | Features.MRG_RXBUF | Features.EVENT_IDX | Features.INDIRECT_DESC;

    static final long PACKED = FEATURES | Features.RING_PACKED;
    /** Of a driver from before virtio 1.0 that has no mergeable buffers: its virtio-net headers have 10 bytes. */
    static final long LEGACY_FEATURES = Features.EVENT_IDX | Features.INDIRECT_DESC;

    static final int SIZE = 256;
    private static final int SLOT_BYTES = 2048;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    FrontEnd frontEnd;
    final @Nullable InflightState inflight;
    final SharedMemory memory;
    final long features;
    final int headerBytes;
    final List<FrontEndRing> rings = new ArrayList<>();
    private final List<VirtqueueDriver> drivers = new ArrayList<>();
    private final List<Deque<Long>> freeSlots = new ArrayList<>();
    private final List<long[]> slotOfHead = new ArrayList<>();
    private final Shape shape;
    private final long assembly;

    /**
     * What a guest is made of.
     *
     * @param pairs        queue pairs
     * @param features     those it wants
     * @param size         entries of each virtqueue
     * @param receiveBytes of each buffer of a receiveq
     * @param sendBytes    of each buffer of a transmitq
     * @param offered      buffers that it offers in each receiveq at most
     * @param tracked      whether it keeps an inflight region, and so can outlive its back end
     */
    record Shape(int pairs, long features, int size, int receiveBytes, int sendBytes, int offered, boolean tracked) {
        static Shape of(long features) {
            return new Shape(1, features, SIZE, SLOT_BYTES, SLOT_BYTES, SIZE, false);
        }

        Shape withPairs(int newPairs, int newSize) {
            return new Shape(newPairs, features, newSize, receiveBytes, sendBytes, newSize, tracked);
        }

        Shape withBuffers(int newSize, int newReceiveBytes, int newSendBytes) {
            return new Shape(pairs, features, newSize, newReceiveBytes, newSendBytes, newSize, tracked);
        }

        Shape withOffered(int buffers) {
            return new Shape(pairs, features, size, receiveBytes, sendBytes, buffers, tracked);
        }

        Shape withInflight() {
            return new Shape(pairs, features, size, receiveBytes, sendBytes, offered, true);
        }
    }

    private TestGuest(FrontEnd frontEnd, Shape shape) throws ProtocolException {
        int pairs = shape.pairs();
        this.frontEnd = frontEnd;
        this.shape = shape;
        features = frontEnd.negotiate(shape.features(), ProtocolFeatures.IMPLEMENTED);
        headerBytes = VirtioNetHeader.length(features);
        memory = SharedMemory.create(0x10_0000, (long) pairs * shape.size()
            * (shape.receiveBytes() + shape.sendBytes() + 256) + (4L << 20), 0, MemFd.MFD_ALLOW_SEALING);
        frontEnd.setMemoryTable(List.of(memory));
        inflight = shape.tracked() ? frontEnd.inflight(2 * pairs, shape.size()) : null;
        if (inflight != null) {
            frontEnd.setInflight(inflight);
        }
        assembly = memory.allocate(1 << 17, 64);
        for (int index = 0; index < 2 * pairs; index++) {
            FrontEndRing ring = FrontEndRing.create(RingFormat.of(features), index, shape.size(), memory);
            rings.add(ring);
            VirtqueueDriver driver = VirtqueueDriver.of(ring.layout(), features);
            drivers.add(driver);
            slotOfHead.add(new long[shape.size()]);
            freeSlots.add(new ArrayDeque<>());
            for (int i = 0; i < (index % 2 == 0 ? shape.offered() : shape.size()); i++) {
                int bytes = index % 2 == 0 ? shape.receiveBytes() : shape.sendBytes();
                freeSlots.get(index).add(memory.allocate(bytes, 64));
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

    /** Stops one ring and starts it in another size; it stays as enabled as it was. What is in it is gone. */
    void resetRing(int index, int size) throws ProtocolException {
        frontEnd.stopRing(index);
        rings.get(index).close();
        for (long slot : slotOfHead.get(index)) {
            if (slot != 0 && !freeSlots.get(index).contains(slot)) {
                freeSlots.get(index).add(slot);
            }
        }
        FrontEndRing ring = FrontEndRing.create(RingFormat.of(features), index, size, memory);
        rings.set(index, ring);
        drivers.set(index, VirtqueueDriver.of(ring.layout(), features));
        slotOfHead.set(index, new long[size]);
        if (index % 2 == 0) {
            refill(index);
        }
        frontEnd.startRing(ring);
    }

    /**
     * Goes on with another back end, which knows nothing, as a front end does that can only say where its rings stood
     * at first; no ring is started by this.
     */
    void reconnect(Path socket) throws ProtocolException {
        frontEnd.close();
        frontEnd = FrontEnd.connect(socket, PATIENCE);
        if (frontEnd.negotiate(features, ProtocolFeatures.IMPLEMENTED) != features) {
            throw new IllegalStateException("the next back end offers less");
        }
        frontEnd.setMemoryTable(List.of(memory));
        if (inflight != null) {
            frontEnd.setInflight(inflight);
        }
    }

    /** Starts the receiveqs, or the transmitqs, with the next back end; enabled, or it would drop what waits there. */
    void restart(boolean receiveqs) throws ProtocolException {
        for (FrontEndRing ring : rings) {
            if (ring.index() % 2 == (receiveqs ? 0 : 1)) {
                frontEnd.enableRing(ring.index(), true);
                frontEnd.startRing(ring);
            }
        }
    }

    static TestGuest connect(Path socket, Shape shape) throws ProtocolException {
        return new TestGuest(FrontEnd.connect(socket, PATIENCE), shape);
    }

    static TestGuest connect(Path socket, int pairs, long features) throws ProtocolException {
        return connect(socket, Shape.of(features).withPairs(pairs, SIZE));
    }

    /** A guest with one queue pair and receive buffers of so many bytes. */
    static TestGuest connect(Path socket, long features, int bufferBytes) throws ProtocolException {
        return connect(socket, Shape.of(features).withBuffers(SIZE, bufferBytes, SLOT_BYTES));
    }

    static TestGuest connect(Path socket) throws ProtocolException {
        return connect(socket, 1, FEATURES);
    }

    static TestGuest accept(Fd listener) throws ProtocolException {
        return new TestGuest(FrontEnd.accept(listener, PATIENCE), Shape.of(FEATURES));
    }

    private void refill(int index) {
        Deque<Long> free = freeSlots.get(index);
        VirtqueueDriver driver = drivers.get(index);
        while (!free.isEmpty() && driver.freeDescriptors() >= (headerApart() ? 2 : 1)) {
            long slot = free.remove();
            slotOfHead.get(index)[addWritable(driver, slot, shape.receiveBytes())] = slot;
        }
        if (driver.publish()) {
            rings.get(index).kick().signal();
        }
    }

    /** Without ANY_LAYOUT a legacy driver gives the header a descriptor of its own (virtio 1.2, 5.1.6.6). */
    private boolean headerApart() {
        return (features & (Features.VERSION_1 | Features.ANY_LAYOUT)) == 0;
    }

    private int addWritable(VirtqueueDriver driver, long slot, int length) {
        long guest = memory.guestOf(slot);
        return !headerApart() ? driver.addWritable(guest, length)
            : driver.addWritable(new long[] {guest, guest + headerBytes},
                new int[] {headerBytes, length - headerBytes}, 2);
    }

    VirtqueueDriver transmitq(int pair) {
        return drivers.get(2 * pair + 1);
    }

    VirtqueueDriver receiveq(int pair) {
        return drivers.get(2 * pair);
    }

    /** Host addresses of the buffers that frames are sent from, as long as nothing was sent. */
    List<Long> sendSlots(int pair) {
        return List.copyOf(freeSlots.get(2 * pair + 1));
    }

    EventFd transmitKick(int pair) {
        return rings.get(2 * pair + 1).kick();
    }

    /** Sends an Ethernet frame with a plain header; false when the queue is full. */
    boolean send(int pair, byte[] frame) {
        return send(pair, new byte[headerBytes], frame);
    }

    /** Sends an Ethernet frame with this virtio-net header; false when the queue is full. */
    boolean send(int pair, byte[] header, byte[] frame) {
        boolean apart = headerApart() && frame.length > 0;
        boolean put = put(pair, header, frame, apart ? headerBytes : headerBytes + frame.length);
        publish(pair);
        return put;
    }

    /** Shows the device what was put into the transmitq. */
    void publish(int pair) {
        if (drivers.get(2 * pair + 1).publish()) {
            rings.get(2 * pair + 1).kick().signal();
        }
    }

    /**
     * Puts a frame into the transmitq, which the device sees with the next one that is sent, or {@link #publish}.
     *
     * @param firstBytes of its first descriptor, header among them; a second one has the rest
     */
    boolean put(int pair, byte[] header, byte[] frame, int firstBytes) {
        int index = 2 * pair + 1;
        int length = headerBytes + frame.length;
        VirtqueueDriver driver = drivers.get(index);
        for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
            freeSlots.get(index).add(slotOfHead.get(index)[head]);
        }
        Long slot = driver.freeDescriptors() < (firstBytes < length ? 2 : 1) ? null : freeSlots.get(index).poll();
        if (slot == null) {
            return false;
        }
        RawMemory.copyFromArray(header, 0, slot, headerBytes);
        RawMemory.copyFromArray(frame, 0, slot + headerBytes, frame.length);
        long guest = memory.guestOf(slot);
        int head = firstBytes == length ? driver.addReadable(guest, length)
            : driver.addReadable(new long[] {guest, guest + firstBytes}, new int[] {firstBytes, length - firstBytes},
                2);
        slotOfHead.get(index)[head] = slot;
        return true;
    }

    /** Hands arrived frames to the handler, Ethernet header first, their headers before them; returns how many. */
    int receive(int pair, FrameHandler handler) {
        return receive(pair, handler, slot -> { });
    }

    /** Tells the host address of each buffer that was written besides. */
    int receive(int pair, FrameHandler handler, LongConsumer written) {
        int index = 2 * pair;
        VirtqueueDriver driver = drivers.get(index);
        int frames = 0;
        for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
            int buffers = headerBytes == VirtioNetHeader.LENGTH
                ? VirtioNetHeader.numBuffers(slotOfHead.get(index)[head]) : 1;
            int length = 0;
            for (int i = 0; i < buffers; i++) {
                int at = i == 0 ? head : driver.pollUsed();
                long slot = slotOfHead.get(index)[at];
                written.accept(slot);
                RawMemory.copy(slot, assembly + length, driver.usedBytes());
                length += driver.usedBytes();
                freeSlots.get(index).add(slot);
            }
            handler.frame(assembly + headerBytes, length - headerBytes);
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
        if (inflight != null) {
            inflight.file().close();
        }
        rings.forEach(FrontEndRing::close);
        memory.close();
    }
}
