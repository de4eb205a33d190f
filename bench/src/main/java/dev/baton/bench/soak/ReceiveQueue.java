package dev.baton.bench.soak;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.VirtqueueDriver;

/** A guest's receiveq: offers all the buffers that it has room for, and puts frames together. */
final class ReceiveQueue implements AutoCloseable {
    private static final int LONGEST_FRAME = 1 << 17;

    private final QueueMemory queue;
    private final int bufferBytes;
    private final Mapping assembly = Mapping.anonymous(LONGEST_FRAME);
    private final long[] addresses = new long[2];
    private final int[] lengths = new int[2];
    private long torn;

    /** Told of what arrives. */
    interface Handler {
        void frame(long header, long frame, int lengthBytes);
    }

    ReceiveQueue(QueueMemory queue, int bufferBytes) {
        this.queue = queue;
        this.bufferBytes = bufferBytes;
    }

    QueueMemory queue() {
        return queue;
    }

    /** Offers buffers for all free slots, or for so many of them. */
    void offer(int most) {
        VirtqueueDriver driver = queue.driver();
        int header = queue.headerBytes();
        int needed = queue.headerApart() ? 2 : 1;
        for (int i = 0; i < most && driver.freeDescriptors() >= needed; i++) {
            long slot = queue.peek(bufferBytes);
            if (slot == 0) {
                break;
            }
            long guest = queue.guestOf(slot);
            addresses[0] = guest;
            lengths[0] = header;
            addresses[1] = guest + header;
            lengths[1] = bufferBytes - header;
            queue.bind(needed == 2 ? driver.addWritable(addresses, lengths, 2)
                : driver.addWritable(guest, bufferBytes), bufferBytes);
        }
        queue.publish();
    }

    /** Takes what has arrived; returns frames. */
    int take(Handler handler) {
        VirtqueueDriver driver = queue.driver();
        int header = queue.headerBytes();
        int frames = 0;
        for (int chain = driver.pollUsed(); chain >= 0; chain = driver.pollUsed()) {
            long slot = queue.free(chain);
            int length = driver.usedBytes();
            int buffers = header == VirtioNetHeader.LENGTH ? VirtioNetHeader.numBuffers(slot) : 1;
            RawMemory.copy(slot, assembly.address(), length);
            for (int i = 1; i < buffers; i++) {
                int next = driver.pollUsed();
                if (next < 0) {
                    torn++;
                    break;
                }
                RawMemory.copy(queue.free(next), assembly.address() + length, driver.usedBytes());
                length += driver.usedBytes();
            }
            handler.frame(assembly.address(), assembly.address() + header, length - header);
            frames++;
        }
        return frames;
    }

    /** Frames of which some buffers were not used when the first of them was. */
    long torn() {
        return torn;
    }

    @Override
    public void close() {
        assembly.close();
    }
}
