package dev.baton.bench.soak;

import dev.baton.ffi.FileIo;
import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.FrontEndRing;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A guest from its first message to its last: a vhost-user connection, memory, rings. For one thread.
 *
 * <p>Its memory stays when the connection is gone, until the back end has stopped its rings for certain, which it shows
 * by answering the next guest: only then do the rings tell what was taken from them and what was not.
 */
final class GuestNic implements AutoCloseable {
    /** A broken takeover holds up an answer for some seconds. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long GUEST_ADDRESS = 0x1_0000_0000L;
    private static final long EXTRA_ADDRESS = 0x20_0000_0000L;
    private static final int EXTRA_BYTES = 1 << 20;
    /** Where the index is in an available ring (virtio 1.2, 2.7.6). */
    private static final int AVAILABLE_INDEX = 2;
    /** Rings lie behind all slots for frames, and so behind this. */
    static final int MOST_LEFT = QueueMemory.LARGE_SLOT_BYTES;
    /** Rings that one queue can have, one after the other. */
    private static final int RINGS = 40;

    private final FrontEnd frontEnd;
    private final GuestShape shape;
    private final long features;
    private final SharedMemory memory;
    private final List<SendQueue> senders = new ArrayList<>();
    private final List<ReceiveQueue> receivers = new ArrayList<>();
    private @Nullable SharedMemory extra;
    private boolean connected = true;
    private int resizes;

    private GuestNic(FrontEnd frontEnd, GuestShape shape, List<Stream> streams) throws ProtocolException {
        this.frontEnd = frontEnd;
        this.shape = shape;
        features = frontEnd.negotiate(shape.features(), ProtocolFeatures.IMPLEMENTED);
        long bytes = 2L * streams.size() * QueueMemory.bytes(RINGS, shape.maxSegments()) + (1 << 16);
        memory = SharedMemory.create(GUEST_ADDRESS, bytes + 4095 & -4096);
        for (Stream stream : streams) {
            int pair = senders.size();
            receivers.add(new ReceiveQueue(new QueueMemory(2 * pair, memory, features, 2), shape.receiveBytes()));
            senders.add(new SendQueue(new QueueMemory(2 * pair + 1, memory, features, shape.maxSegments()), stream,
                shape.maxSegments()));
        }
    }

    /** Connects, and negotiates: after this the guest before is gone. The rings are made by {@link #start}. */
    static GuestNic connect(Path socket, GuestShape shape, List<Stream> streams) throws ProtocolException {
        FrontEnd frontEnd = FrontEnd.connect(socket, PATIENCE);
        try {
            return new GuestNic(frontEnd, shape, streams);
        } catch (ProtocolException | RuntimeException e) {
            frontEnd.close();
            throw e;
        }
    }

    void start() throws ProtocolException {
        frontEnd.setMemoryTable(List.of(memory));
        for (int index = 0; index < rings(); index++) {
            renew(index, shape.sizes().get(index));
        }
        for (int index = 0; index < rings(); index++) {
            frontEnd.enableRing(index, true);
        }
    }

    private void renew(int index, int size) throws ProtocolException {
        FrontEndRing ring = queue(index).renew(size);
        if (index % 2 == 0) {
            receivers.get(index / 2).offer(Integer.MAX_VALUE);
        }
        frontEnd.startRing(ring);
    }

    private QueueMemory queue(int index) {
        return index % 2 == 0 ? receivers.get(index / 2).queue() : senders.get(index / 2).queue();
    }

    int rings() {
        return 2 * senders.size();
    }

    /** Memory regions that the back end has of it. */
    int regions() {
        return extra == null ? 1 : 2;
    }

    boolean isConnected() {
        return connected;
    }

    // ---- frames

    /**
     * Sends up to so many frames.
     *
     * @param packet to make frames with that ask for offloads
     */
    void send(int pair, int frames, RandomGenerator random, SoakPacket packet) {
        senders.get(pair).send(frames, random, packet);
    }

    /** Takes what has arrived, and offers buffers again, so many for each queue at most; returns frames. */
    int receive(Arrivals arrivals, int offers) {
        int frames = 0;
        for (int pair = 0; pair < receivers.size(); pair++) {
            frames += takeArrived(pair, arrivals);
            receivers.get(pair).offer(offers);
        }
        return frames;
    }

    private int takeArrived(int pair, Arrivals arrivals) {
        return receivers.get(pair).take((header, frame, length) ->
            arrivals.arrived(pair, header, frame, length, features));
    }

    /** Takes back what was sent; returns the frames that were not taken yet. */
    int reclaim() {
        int inFlight = 0;
        for (SendQueue sender : senders) {
            sender.reclaim();
            inFlight += sender.inFlight();
        }
        return inFlight;
    }

    // ---- what can happen to it

    /** Stops a ring and starts it where it stopped; the ordinary life goes on in between. */
    void restart(int index, Runnable meanwhile) throws ProtocolException {
        int base = frontEnd.stopRing(index);
        meanwhile.run();
        frontEnd.startRing(queue(index).ring(), base);
    }

    /** Stops a ring for good, and starts another one in its place; false when there is no memory for it any more. */
    boolean resize(int index, int size, Arrivals arrivals) throws ProtocolException {
        if (++resizes > RINGS / 2) {
            return false;
        }
        frontEnd.stopRing(index);
        finish(index, arrivals);
        renew(index, size);
        return true;
    }

    /** The ring goes on with other eventfds. */
    void replaceNotifiers(int index) throws ProtocolException {
        FrontEndRing former = queue(index).replaceNotifiers();
        FrontEndRing ring = queue(index).ring();
        frontEnd.ringCall(index, ring.call());
        frontEnd.ringKick(index, ring.kick());
        former.close();
        // What the former kick said last the back end may not have heard.
        ring.kick().signal();
    }

    void enable(int index, boolean enabled) throws ProtocolException {
        frontEnd.enableRing(index, enabled);
    }

    /** The memory table gets one region more, or one less, in one of the two ways. */
    void changeMemory(boolean whole) throws ProtocolException {
        SharedMemory leaving = extra;
        extra = leaving == null ? SharedMemory.create(EXTRA_ADDRESS, EXTRA_BYTES) : null;
        SharedMemory coming = extra;
        if (whole) {
            frontEnd.setMemoryTable(coming == null ? List.of(memory) : List.of(memory, coming));
        } else if (coming != null) {
            frontEnd.addMemory(coming);
        } else if (leaving != null) {
            frontEnd.removeMemory(leaving);
        }
        if (leaving != null) {
            leaving.close();
        }
    }

    /** Ways to break a ring. */
    enum Breach {
        /** A chain that lies in no memory. */
        ADDRESS,
        /** The available index of a split virtqueue jumps. */
        INDEX,
        /** Messages that are none. */
        MESSAGE
    }

    /** Breaks a rule; the device is to refuse this ring or this connection, and nothing else. */
    void breach(Breach breach, int pair, RandomGenerator random) throws ProtocolException {
        switch (breach) {
            case ADDRESS -> senders.get(pair).sendOdd();
            case INDEX -> {
                if ((features & Features.RING_PACKED) == 0) {
                    SendQueue sender = senders.get(pair);
                    long index = sender.queue().ring().layout().availableRing() + AVAILABLE_INDEX;
                    RawMemory.putShortRelease(index, (short) (RawMemory.getShort(index) + 5000));
                    sender.queue().ring().kick().signal();
                }
            }
            case MESSAGE -> {
                byte[] rubbish = new byte[12 + random.nextInt(200)];
                random.nextBytes(rubbish);
                frontEnd.channel().send(rubbish);
            }
            default -> throw new AssertionError(breach);
        }
    }

    /** Cuts its memory short, rings included. It must not touch them any more. */
    void cutMemory(long bytesLeft) {
        FileIo.truncate(memory.file(), bytesLeft);
    }

    /** Whether the back end still answers. */
    boolean isServed() {
        try {
            frontEnd.offeredFeatures();
            return true;
        } catch (ProtocolException e) {
            return false;
        }
    }

    // ---- the end

    /** Stops all rings, one after the other. */
    void stop() throws ProtocolException {
        for (int index = 0; index < rings(); index++) {
            frontEnd.stopRing(index);
        }
    }

    /** Closes the connection; the memory stays. */
    void disconnect() {
        connected = false;
        frontEnd.close();
    }

    /** The back end has stopped the rings: what arrived is taken, what it did not take is abandoned. */
    void finish(Arrivals arrivals) {
        for (int index = 0; index < rings(); index++) {
            finish(index, arrivals);
        }
    }

    private void finish(int index, Arrivals arrivals) {
        if (index % 2 == 0) {
            takeArrived(index / 2, arrivals);
        } else {
            senders.get(index / 2).abandon();
        }
    }

    long torn() {
        return receivers.stream().mapToLong(ReceiveQueue::torn).sum();
    }

    @Override
    public void close() {
        if (connected) {
            disconnect();
        }
        for (int index = 0; index < rings(); index++) {
            queue(index).close();
        }
        receivers.forEach(ReceiveQueue::close);
        SharedMemory added = extra;
        if (added != null) {
            added.close();
        }
        memory.close();
    }
}
