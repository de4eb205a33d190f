package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;
import dev.baton.virtqueue.VirtqueueFault;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A device that sends every frame back to where it came from; one thread does all. */
final class EchoDevice implements BackendDevice {
    private static final int BURST = 32;

    private final int pairs;
    private final @Nullable Virtqueue[] queues;
    private final @Nullable EventFd[] calls;
    private final boolean[] enabled;
    private final ChainBurst from = new ChainBurst(BURST, 256);
    private final ChainBurst to = new ChainBurst(1, 64);
    long features = Features.VERSION_1 | Features.EVENT_IDX | Features.INDIRECT_DESC | Features.MQ;
    long frames;
    long dropped;

    EchoDevice(int pairs) {
        this.pairs = pairs;
        queues = new Virtqueue[2 * pairs];
        calls = new EventFd[2 * pairs];
        enabled = new boolean[2 * pairs];
    }

    /** Moves what is there; returns the number of frames. */
    int doWork() {
        int moved = 0;
        for (int pair = 0; pair < pairs; pair++) {
            Virtqueue receive = queues[2 * pair];
            Virtqueue transmit = queues[2 * pair + 1];
            if (receive != null && transmit != null && enabled[2 * pair] && enabled[2 * pair + 1]) {
                moved += echo(pair, transmit, receive);
            }
        }
        return moved;
    }

    private int echo(int pair, Virtqueue transmit, Virtqueue receive) {
        int count = transmit.fetchReadable(from, BURST);
        for (int i = 0; i < count; i++) {
            int length = from.lengthBytes(i);
            if (receive.fetchWritable(to, 1) == 1 && to.lengthBytes(0) >= length) {
                copy(i, length);
                receive.use(to.head(0), length);
                frames++;
            } else {
                dropped++;
            }
            transmit.use(from.head(i), 0);
        }
        if (count > 0) {
            publish(transmit, calls[2 * pair + 1]);
            publish(receive, calls[2 * pair]);
        }
        for (Virtqueue queue : List.of(transmit, receive)) {
            VirtqueueFault fault = queue.fault();
            if (fault != null) {
                throw new IllegalStateException("pair " + pair + ": " + fault.reason());
            }
        }
        return count;
    }

    private static void publish(Virtqueue queue, @Nullable EventFd call) {
        if (queue.publish() && call != null) {
            call.signal();
        }
    }

    private void copy(int chain, int length) {
        int source = from.firstSegment(chain);
        int target = to.firstSegment(0);
        long sourceAt = 0;
        long targetAt = 0;
        for (int left = length; left > 0;) {
            long piece = Math.min(from.segmentLength(source) - sourceAt, to.segmentLength(target) - targetAt);
            RawMemory.copy(from.segmentBase(source) + sourceAt, to.segmentBase(target) + targetAt, piece);
            left -= (int) piece;
            sourceAt += piece;
            targetAt += piece;
            if (sourceAt == from.segmentLength(source)) {
                source++;
                sourceAt = 0;
            }
            if (targetAt == to.segmentLength(target)) {
                target++;
                targetAt = 0;
            }
        }
        // One buffer a frame: num_buffers of the virtio-net header.
        if (to.segmentLength(to.firstSegment(0)) >= VirtioNetHeader.LENGTH) {
            RawMemory.putShort(to.segmentBase(to.firstSegment(0)) + 10, (short) 1);
        }
    }

    @Override
    public long features() {
        return features;
    }

    @Override
    public long protocolFeatures() {
        return ProtocolFeatures.IMPLEMENTED;
    }

    @Override
    public int maxQueuePairs() {
        return pairs;
    }

    @Override
    public void featuresAcked(long acked) {
    }

    @Override
    public void startRing(int index, Ring ring) {
        Virtqueue queue = Virtqueue.of(ring.layout(), ring.memory(), ring.features(), ring.state());
        queue.inflight(ring.inflight());
        queue.disableNotifications();
        queues[index] = queue;
        calls[index] = ring.call();
        enabled[index] = ring.enabled();
    }

    @Override
    public QueueState stopRing(int index) {
        Virtqueue queue = queues[index];
        queues[index] = null;
        if (queue == null) {
            throw new AssertionError("ring " + index + " is not running");
        }
        return queue.state();
    }

    @Override
    public void enableRing(int index, boolean on) {
        enabled[index] = on;
    }

    @Override
    public void memoryChanged(GuestMemory memory, List<RingLayout> running) {
        for (RingLayout ring : running) {
            Virtqueue queue = queues[ring.index()];
            if (queue == null) {
                throw new AssertionError("ring " + ring.index() + " is not running");
            }
            queue.memory(memory, ring.layout());
        }
    }

    @Override
    public void logChanged(@Nullable DirtyLog log) {
        for (Virtqueue queue : queues) {
            if (queue != null) {
                queue.log(log);
            }
        }
    }

    @Override
    public void kickChanged(int index, @Nullable EventFd kick) {
    }

    @Override
    public void callChanged(int index, @Nullable EventFd call) {
        calls[index] = call;
    }

    @Override
    public boolean mtu(int mtu) {
        return true;
    }

    @Override
    public void announce(byte[] mac) {
    }

    @Override
    public void reset() {
    }

    @Override
    public void disconnected() {
        from.close();
        to.close();
    }
}
