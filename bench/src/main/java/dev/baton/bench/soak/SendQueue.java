package dev.baton.bench.soak;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtqueueDriver;
import java.util.random.RandomGenerator;

/** A guest's transmitq, and what became of the frames in it. */
final class SendQueue {
    static final int SLOT_BYTES = 2048;

    private final QueueMemory queue;
    private final Stream stream;
    private final int maxSegments;
    private final long[] addresses;
    private final int[] lengths;
    /** Chains that carry no frame. */
    private int oddChain = -1;

    SendQueue(QueueMemory queue, Stream stream, int maxSegments) {
        this.queue = queue;
        this.stream = stream;
        this.maxSegments = maxSegments;
        this.addresses = new long[maxSegments + 1];
        this.lengths = new int[maxSegments + 1];
    }

    QueueMemory queue() {
        return queue;
    }

    /** Sends up to so many frames, those of a train counted as one; as many as there is room for. */
    void send(int frames, RandomGenerator random, SoakPacket packet) {
        reclaim();
        boolean room = true;
        for (int i = 0; i < frames && room; i++) {
            int kind = random.nextInt(32);
            if (kind == 0) {
                room = sendTrain(random, packet);
            } else if (kind < 5 && SoakPacket.maySend(queue.features())) {
                room = sendPacket(random, packet);
            } else {
                room = sendFrame(random);
            }
        }
        queue.publish();
    }

    private boolean sendFrame(RandomGenerator random) {
        int length = drawLength(random);
        long slot = slot(length);
        if (slot != 0) {
            SoakFrame.write(slot + queue.headerBytes(), stream.id(), stream.submit(), length);
            add(slot, length, random);
        }
        return slot != 0;
    }

    private boolean sendPacket(RandomGenerator random, SoakPacket packet) {
        int numbers = packet.draw(queue.features(), random);
        long slot = slot(packet.lengthBytes());
        if (slot != 0) {
            packet.write(slot, slot + queue.headerBytes(), stream.id(), stream.submit(numbers));
            add(slot, packet.lengthBytes(), random);
        }
        return slot != 0;
    }

    private boolean sendTrain(RandomGenerator random, SoakPacket packet) {
        int cars = packet.drawTrain(queue.features(), random);
        boolean room = true;
        for (int car = 0; car < cars && room; car++) {
            packet.car(car);
            long slot = slot(packet.lengthBytes());
            room = slot != 0;
            if (room) {
                packet.write(slot, slot + queue.headerBytes(), stream.id(), stream.submit());
                add(slot, packet.lengthBytes(), random);
            }
        }
        return room;
    }

    /** A slot for a frame of so many bytes, its virtio-net header zero; 0 without room. */
    private long slot(int length) {
        long slot = queue.driver().freeDescriptors() <= maxSegments ? 0 : queue.peek(queue.headerBytes() + length);
        if (slot != 0) {
            RawMemory.fill(slot, queue.headerBytes(), (byte) 0);
        }
        return slot;
    }

    private void add(long slot, int length, RandomGenerator random) {
        int header = queue.headerBytes();
        queue.bind(add(queue.driver(), queue.guestOf(slot), header, length, random), header + length);
    }

    private static int drawLength(RandomGenerator random) {
        int kind = random.nextInt(64);
        if (kind > 15) {
            return SoakFrame.MIN_BYTES;
        }
        int longest = kind == 0 ? SoakFrame.LONGEST_BYTES : kind == 1 ? SoakFrame.JUMBO_BYTES : SoakFrame.MAX_BYTES;
        return random.nextInt(SoakFrame.MIN_BYTES, longest + 1);
    }

    private int add(VirtqueueDriver driver, long guest, int header, int length, RandomGenerator random) {
        int count = 1 + random.nextInt(maxSegments);
        if (queue.headerApart()) {
            addresses[0] = guest;
            lengths[0] = header;
            addresses[1] = guest + header;
            lengths[1] = length;
            return driver.addReadable(addresses, lengths, 2);
        }
        if (count == 1) {
            return driver.addReadable(guest, header + length);
        }
        int from = 0;
        for (int i = 0; i < count; i++) {
            int piece = i == count - 1 ? header + length - from : 1 + random.nextInt((header + length - from) / 2);
            addresses[i] = guest + from;
            lengths[i] = piece;
            from += piece;
        }
        return driver.addReadable(addresses, lengths, count);
    }

    /** Takes back what the device has used. */
    void reclaim() {
        VirtqueueDriver driver = queue.driver();
        int frames = 0;
        for (int chain = driver.pollUsed(); chain >= 0; chain = driver.pollUsed()) {
            if (chain == oddChain) {
                oddChain = -1;
            } else {
                queue.free(chain);
                frames++;
            }
        }
        stream.taken(frames);
    }

    /** Frames that the device has not used yet. */
    int inFlight() {
        return queue.driver().inFlight() - (oddChain < 0 ? 0 : 1);
    }

    /** The ring is gone for good, and the device has stopped using it. */
    void abandon() {
        reclaim();
        stream.abandoned(inFlight());
        oddChain = -1;
    }

    /** Publishes a chain that lies in no memory of the guest's; false when there is no room for it. */
    boolean sendOdd() {
        reclaim();
        VirtqueueDriver driver = queue.driver();
        if (oddChain >= 0 || driver.freeDescriptors() == 0) {
            return false;
        }
        oddChain = driver.addReadable(0x7000_0000_0000L, SoakFrame.MIN_BYTES);
        queue.publish();
        return true;
    }
}
