package dev.baton.datapath;

import dev.baton.coalesce.Coalescer;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;

/**
 * Frames in a row of one flow as one, for a guest that takes segmented frames from a guest that does not segment.
 *
 * <p>Theory of operation. What can be joined is the {@link Coalescer}'s business, as on the way to a TAP: the list that
 * it makes, new headers and the payloads where the sender put them, is copied once, into the receiver's buffers. It is
 * marked as a frame that the sender would have left to the receiver to be cut and summed up: NEEDS_CSUM, the type of
 * segmentation, {@code gso_size} (virtio 1.2, 5.1.6.4; RSC_INFO, which would tell how many frames it was, was not
 * negotiated). The receiver's stack cuts it only before a socket that reads datagrams.
 *
 * <p>A run is as long as the buffers that the receiver offers now have room for, never one that would have to wait: a
 * driver that offers few buffers gets what it gets without coalescing.
 */
final class CoalescedDelivery implements AutoCloseable {
    private final VirtqueueEnd source;
    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private final FramePlacer placer;
    private final Coalescer coalescer = new Coalescer(TapQueue.MAX_SEGMENTS);
    /** What {@link #possible} was found out for. */
    private long senderFeatures;
    private long receiverFeatures;
    private boolean possible;

    CoalescedDelivery(VirtqueueEnd source, VirtqueueEnd target, ReceiveWindow window, FramePlacer placer) {
        this.source = source;
        this.target = target;
        this.window = window;
        this.placer = placer;
    }

    /** Whether the guest at the other end, as it is now, takes any frames that were joined. */
    boolean possible() {
        if (receiverFeatures != target.features() || senderFeatures != source.features()) {
            learn(source.features(), target.features());
        }
        return possible;
    }

    private void learn(long sender, long receiver) {
        senderFeatures = sender;
        receiverFeatures = receiver;
        int joined = Offloads.joined(receiver);
        coalescer.takes((joined & Offloads.USO4) != 0, (joined & Offloads.TSO4) != 0, (joined & Offloads.TSO6) != 0);
        coalescer.partialChecksums((sender & Features.CSUM) != 0);
        possible = joined != Offloads.NONE;
    }

    /** The first chain, from {@code from} on, with which a run seems to begin; the burst's end when there is none. */
    int nextRun(ChainBurst burst, int from) {
        int chain = from;
        while (chain < burst.count() && !coalescer.seemsToBegin(burst, chain)) {
            chain++;
        }
        return chain;
    }

    /**
     * Places a run that begins with this chain as one frame.
     *
     * @return how many chains it had, which the caller is to give back; 1: nothing was placed
     */
    int deliver(Virtqueue targetQueue, ChainBurst burst, int from) {
        int run = coalescer.join(burst, from, room(targetQueue, burst));
        if (run > 1) {
            long header = coalescer.list().base(0);
            placer.put(targetQueue, coalescer.list(), 0, coalescer.lengthBytes(), RawMemory.getLong(header),
                VirtioNetHeader.csumOffset(header));
        }
        return run;
    }

    /** Bytes of the longest frame, virtio-net header included, that finds buffers now. */
    private int room(Virtqueue targetQueue, ChainBurst burst) {
        boolean mergeable = target.mergeable();
        long wanted = mergeable ? Math.min(burst.totalBytes(), TapDevice.MAX_FRAME_BYTES) : 1;
        if (!window.offer(targetQueue, wanted)) {
            return 0;
        }
        return mergeable ? (int) Math.min(window.bytesLeft(), TapDevice.MAX_FRAME_BYTES) : window.chainBytes();
    }

    @Override
    public void close() {
        coalescer.close();
    }
}
