package dev.baton.tools.traffic;

import dev.baton.datapath.FrameHandler;
import dev.baton.ffi.Epoll;
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
import java.util.ArrayList;
import java.util.List;

/**
 * A guest's network card and its driver: a vhost-user front end, its memory in a memfd, and the driver's side of the
 * virtqueues. For one thread.
 *
 * <pre>
 *   one region:
 *   | receiveq 0 | transmitq 0 | receiveq 1 | ... | 2 KiB buffers of receiveq 0 | of transmitq 0 | ...
 * </pre>
 */
public final class VirtioNic implements AutoCloseable {
    private static final int QUEUE_SIZE = 256;
    private static final int BUFFER_BYTES = 2048;
    private static final long WANTED = Features.VERSION_1 | Features.MRG_RXBUF | Features.EVENT_IDX
            | Features.INDIRECT_DESC | Features.CSUM | Features.GUEST_CSUM | Features.MQ;

    private final FrontEnd frontEnd;
    private final SharedMemory memory;
    private final long features;
    private final List<Pair> pairs = new ArrayList<>();
    private final Epoll epoll = Epoll.create();

    private VirtioNic(FrontEnd frontEnd, SharedMemory memory, long features) {
        this.frontEnd = frontEnd;
        this.memory = memory;
        this.features = features;
    }

    /**
     * Connects to a back end and starts all queue pairs.
     *
     * @param socket     the vhost-user socket
     * @param queuePairs how many queue pairs to use
     * @return the card, ready
     * @throws ProtocolException when the back end refuses
     */
    public static VirtioNic connect(Path socket, int queuePairs) throws ProtocolException {
        FrontEnd frontEnd = FrontEnd.connect(socket, Duration.ofSeconds(20));
        long bytes = (long) queuePairs * 2 * QUEUE_SIZE * (BUFFER_BYTES + 64);
        SharedMemory memory = SharedMemory.create(0x1_0000_0000L, bytes + 4095 & -4096);
        try {
            VirtioNic nic = new VirtioNic(frontEnd, memory, frontEnd.negotiate(WANTED, ProtocolFeatures.IMPLEMENTED));
            nic.start(queuePairs);
            return nic;
        } catch (ProtocolException | RuntimeException e) {
            frontEnd.close();
            memory.close();
            throw e;
        }
    }

    private void start(int queuePairs) throws ProtocolException {
        frontEnd.setMemoryTable(List.of(memory));
        for (int i = 0; i < queuePairs; i++) {
            pairs.add(new Pair(FrontEndRing.create(2 * i, QUEUE_SIZE, memory),
                    FrontEndRing.create(2 * i + 1, QUEUE_SIZE, memory)));
        }
        for (Pair pair : pairs) {
            pair.fill();
            start(pair.receiveq, 0);
            start(pair.transmitq, 0);
            epoll.add(pair.receiveq.call().fd(), Epoll.IN, 0);
        }
    }

    private void start(FrontEndRing ring, int base) throws ProtocolException {
        frontEnd.startRing(ring, base);
        frontEnd.enableRing(ring.index(), true);
    }

    /**
     * Has another back end at the other end of the connection: stops the virtqueues, and starts them again where they
     * stopped, with memory and rings described anew.
     *
     * @param change what makes the connection the other back end's
     * @throws ProtocolException when a back end refuses
     */
    public void changeBackEnd(Runnable change) throws ProtocolException {
        int[] bases = new int[2 * pairs.size()];
        for (int i = 0; i < bases.length; i++) {
            bases[i] = frontEnd.stopRing(i);
        }
        change.run();
        frontEnd.setMemoryTable(List.of(memory));
        for (Pair pair : pairs) {
            start(pair.receiveq, bases[pair.receiveq.index()]);
            start(pair.transmitq, bases[pair.transmitq.index()]);
        }
    }

    /**
     * The features in use.
     *
     * @return their names
     */
    public String features() {
        return Features.describe(features);
    }

    /**
     * The queue pairs.
     *
     * @return as ports for a host
     */
    public List<FramePort> ports() {
        return List.copyOf(pairs);
    }

    /**
     * Sleeps until a frame arrives, as a driver does that waits for its interrupt.
     *
     * @param timeoutMs at most so long, milliseconds
     */
    public void await(int timeoutMs) {
        boolean waiting = false;
        for (Pair pair : pairs) {
            waiting |= pair.rx.enableNotifications();
        }
        if (!waiting) {
            epoll.await(timeoutMs);
        }
        for (Pair pair : pairs) {
            pair.receiveq.call().drain();
            pair.rx.disableNotifications();
        }
    }

    @Override
    public void close() {
        frontEnd.close();
        epoll.close();
        pairs.forEach(Pair::close);
        memory.close();
    }

    /** One queue pair. */
    private final class Pair implements FramePort, AutoCloseable {
        private final FrontEndRing receiveq;
        private final FrontEndRing transmitq;
        private final VirtqueueDriver rx;
        private final VirtqueueDriver tx;
        private final long rxBuffers;
        private final long txBuffers;
        /** The buffer of the chain with this head. */
        private final int[] rxBuffer = new int[QUEUE_SIZE];
        private final int[] txBuffer = new int[QUEUE_SIZE];
        private final int[] freeTx = new int[QUEUE_SIZE];
        private int freeTxCount;

        Pair(FrontEndRing receiveq, FrontEndRing transmitq) {
            this.receiveq = receiveq;
            this.transmitq = transmitq;
            rx = VirtqueueDriver.of(receiveq.layout(), features);
            tx = VirtqueueDriver.of(transmitq.layout(), features);
            rxBuffers = memory.allocate((long) QUEUE_SIZE * BUFFER_BYTES, 64);
            txBuffers = memory.allocate((long) QUEUE_SIZE * BUFFER_BYTES, 64);
        }

        void fill() {
            for (int i = 0; i < QUEUE_SIZE; i++) {
                offer(i);
                freeTx[freeTxCount++] = i;
            }
            rx.publish();
            tx.disableNotifications();
            rx.disableNotifications();
        }

        private void offer(int buffer) {
            long address = memory.guestOf(rxBuffers + (long) buffer * BUFFER_BYTES);
            rxBuffer[rx.addWritable(address, BUFFER_BYTES)] = buffer;
        }

        private long place() {
            return txBuffers + (long) freeTx[freeTxCount - 1] * BUFFER_BYTES;
        }

        @Override
        public long reserve() {
            for (int head = tx.pollUsed(); head >= 0; head = tx.pollUsed()) {
                freeTx[freeTxCount++] = txBuffer[head];
            }
            return freeTxCount == 0 ? 0 : place() + VirtioNetHeader.LENGTH;
        }

        @Override
        public boolean commit(int lengthBytes, boolean checksumIsOpen) {
            long address = place();
            VirtioNetHeader.plain(address);
            if (checksumIsOpen) {
                VirtioNetHeader.flags(address, VirtioNetHeader.NEEDS_CSUM);
                VirtioNetHeader.csumStart(address, Frames.TRANSPORT);
                VirtioNetHeader.csumOffset(address, Frames.UDP_CHECKSUM);
            }
            int head = tx.addReadable(memory.guestOf(address), VirtioNetHeader.LENGTH + lengthBytes);
            txBuffer[head] = freeTx[--freeTxCount];
            return true;
        }

        @Override
        public void flush() {
            if (tx.publish()) {
                transmitq.kick().signal();
            }
            if (rx.publish()) {
                receiveq.kick().signal();
            }
        }

        @Override
        public int receive(FrameHandler handler, int limit) {
            int frames = 0;
            while (frames < limit) {
                int head = rx.pollUsed();
                if (head < 0) {
                    break;
                }
                int buffer = rxBuffer[head];
                long address = rxBuffers + (long) buffer * BUFFER_BYTES;
                // Without segmentation offload no frame is longer than a buffer.
                if (VirtioNetHeader.numBuffers(address) == 1 && rx.usedBytes() > VirtioNetHeader.LENGTH) {
                    handler.frame(address + VirtioNetHeader.LENGTH, rx.usedBytes() - VirtioNetHeader.LENGTH);
                }
                offer(buffer);
                frames++;
            }
            return frames;
        }

        @Override
        public boolean takesOpenChecksums() {
            return (features & Features.CSUM) != 0;
        }

        @Override
        public void close() {
            receiveq.close();
            transmitq.close();
        }
    }
}
