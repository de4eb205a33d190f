package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;
import dev.baton.offload.Requests;
import dev.baton.offload.SoftwareOffload;
import dev.baton.tap.TapDevice;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;

/**
 * Frames for a guest that does not take them as they are: it acked no checksum offload, or not this segmentation.
 *
 * <p>Theory of operation. A guest is offered every offload before anybody knows who will be at the other end of its
 * wire, and keeps what it acked when another guest comes there. So what the receiver does not take is done here: the
 * frame is copied, summed up or cut ({@link SoftwareOffload}), and its parts are placed. For the first part it waits as
 * a frame does that is taken as it is. Every part has receive buffers of its own, so it also waits for those of the
 * others, but for no more than a quarter of the ring, for a driver with a short ring may never have more, and not
 * longer than {@link ReceiveWindow#mayGrow} says. Parts that find no buffer then are dropped, as they would be by a
 * device whose queue runs over.
 */
final class SoftwareDelivery implements AutoCloseable {
    /** More than the headers of a frame have in earnest; to estimate with. */
    private static final int HEADERS = 128;

    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private final FramePlacer placer;
    private final SoftwareOffload offload;

    SoftwareDelivery(VirtqueueEnd target, ReceiveWindow window, FramePlacer placer) {
        this.target = target;
        this.window = window;
        this.placer = placer;
        offload = new SoftwareOffload(TapDevice.MAX_FRAME_BYTES);
    }

    /**
     * Delivers or drops a frame of {@link TapDevice#MAX_FRAME_BYTES} at most; parameters as for
     * {@link FramePlacer#place}, the header one of those that {@link Requests#fit}.
     *
     * @return false when the receiver has too few buffers at the moment: nothing has been done
     */
    boolean deliver(Virtqueue targetQueue, IovecArray from, int segment, int length, long header, int csumOffset) {
        if (!room(targetQueue, length, header)) {
            return false;
        }
        SegmentCopy.gather(from, segment, offload.address(), length);
        RawMemory.putLong(offload.address(), header);
        VirtioNetHeader.csumOffset(offload.address(), csumOffset);
        int parts = offload.begin(length, target.acked(Features.GUEST_CSUM));
        if (parts == 0) {
            target.counters().txDrop(DropReason.MALFORMED_OFFLOAD, 1);
            return true;
        }
        for (int part = 0; part < parts; part++) {
            int bytes = offload.next();
            FramePlacer.Room room = placer.room(targetQueue, bytes);
            if (room != FramePlacer.Room.THERE) {
                target.counters().txDrop(room == FramePlacer.Room.NEVER ? DropReason.TOO_LONG : DropReason.NO_ROOM,
                    parts - part);
                break;
            }
            long ready = offload.list().base(0);
            placer.place(targetQueue, offload.list(), 0, bytes, RawMemory.getLong(ready),
                VirtioNetHeader.csumOffset(ready));
            target.counters().softwareOffload(1);
        }
        return true;
    }

    /** Whether there are chains for the first part, and for as many of the others as it makes sense to wait for. */
    private boolean room(Virtqueue targetQueue, int length, long header) {
        int gsoSize = Requests.gsoSize(header);
        boolean cut = Offloads.gsoType(header) != VirtioNetHeader.GSO_NONE;
        int parts = cut ? Math.min(length / gsoSize + 1, SoftwareOffload.MAX_FRAMES) : 1;
        int partBytes = cut ? Math.min(length, gsoSize + HEADERS) : length;
        if (!window.offer(targetQueue, 1)) {
            return false;
        }
        int chainsOfPart = target.mergeable() ? (partBytes + window.chainBytes() - 1) / window.chainBytes() : 1;
        int needed = Math.min(chainsOfPart, targetQueue.size());
        int share = Math.max(1, targetQueue.size() / Transfer.RING_SHARE);
        int wanted = Math.max(needed, Math.clamp((long) parts * chainsOfPart, 1, share));
        if (window.chainsLeft() >= wanted || window.refresh(targetQueue) >= wanted) {
            return true;
        }
        return !window.mayGrow(targetQueue);
    }

    @Override
    public void close() {
        offload.close();
    }
}
