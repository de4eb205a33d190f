package dev.baton.datapath;

import dev.baton.coalesce.FlowHeaders;
import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;

/**
 * Frames of one flow that are read from a TAP in a row, as one for a guest that takes segmented frames.
 *
 * <p>Theory of operation. Nothing is copied: the first frame of a run is read into the guest's buffers like any other,
 * and is not given to the guest yet. The next one is expected to be of the same flow, and read in pieces: its headers
 * into memory of our own, its payload right behind the one before.
 *
 * <pre>
 *   buffers   | h payload 0 | payload 1 | payload 2       |
 *             h, in the end: UDP or TCP segmentation (virtio 1.2, 5.1.6)
 *   readv     [ headers ]               [ segmentBytes    ] [ spill ]
 * </pre>
 *
 * <p>If it is another frame after all, it is put together in front of the spill and from there copied to where it
 * belongs: a bet that was lost. So it begins when two frames that were read like any others turn out to follow each
 * other, and ends with a lost bet; where few were won before, the next one has to wait. Frames of two flows that
 * alternate are read like any others.
 *
 * <p>A run is as long as the buffers that were there at its beginning have room for, and never outlives a burst.
 * Which frames are a run is told by {@link FlowHeaders}.
 */
final class CoalescedReads implements AutoCloseable {
    /** Fewer frames joined were not worth the copy of the one that was none of them. */
    private static final int WORTH_IT = 8;
    /** After a bet that was not worth it so many frames are read before the next one. */
    private static final int DOUBT = 64;

    private final TapQueue source;
    private final VirtqueueEnd target;
    private final ReceiveWindow window;
    private final long spill;
    private final FlowHeaders headers = new FlowHeaders();
    private final Mapping scratch = Mapping.anonymous(FlowHeaders.MAX_BYTES);
    private final IovecArray pieces = new IovecArray(TapQueue.MAX_SEGMENTS);
    private final long headersRead = scratch.address();
    /** What {@link #possible} was found out for. */
    private long receiverFeatures;
    private boolean possible;

    private boolean open;
    /** The headers are those of the frame that was read last, so that the next one can be told to follow it. */
    private boolean remembered;
    private boolean expected;
    private int doubt;
    /** Frames that were joined since a bet was lost. */
    private int won;
    private boolean firstChecked;
    private int firstBytes;
    /** Where the payload of the next frame belongs: a segment of the window, and an offset in it. */
    private int endSegment;
    private long endOffset;
    /** Bytes of payload that the frame read last could have in the guest's buffers. */
    private int offered;

    /**
     * Reads from a queue into the buffers of a guest.
     *
     * @param spill room for the longest frame, and before it for headers and payload of one that was expected
     */
    CoalescedReads(TapQueue source, VirtqueueEnd target, ReceiveWindow window, long spill) {
        this.source = source;
        this.target = target;
        this.window = window;
        this.spill = spill;
        headers.verified(true);
    }

    /** Whether the guest, as it is now, takes any frames that were joined. */
    boolean possible() {
        if (receiverFeatures != target.features()) {
            receiverFeatures = target.features();
            int joined = Offloads.joined(receiverFeatures);
            headers.takes((joined & Offloads.USO4) != 0, (joined & Offloads.TSO4) != 0,
                (joined & Offloads.TSO6) != 0);
            possible = joined != Offloads.NONE;
        }
        return possible && target.legacy() == null;
    }

    /** Forgets what a burst has left that did not come to its end. */
    void reset() {
        open = false;
        remembered = false;
    }

    /** Whether there is a run that the next frame shall be read for. */
    boolean isOpen() {
        return open;
    }

    /**
     * Begins a run with a frame that lies in the window's next chains, which nobody has used yet.
     *
     * @param length its bytes, virtio-net header included
     * @return false when it is to be used as it is
     */
    boolean begin(int length) {
        int segment = window.segment();
        long base = window.segments().base(segment);
        long room = window.segments().length(segment);
        expected |= remembered && doubt == 0 && headers.follows(base, room, length);
        doubt = Math.max(0, doubt - 1);
        remembered = headers.begin(base, room, length, mostBytes());
        open = remembered && expected && headers.takesMore();
        if (open) {
            firstBytes = length;
            firstChecked = false;
            endSegment = segment;
            endOffset = 0;
            advance(length);
        }
        return open;
    }

    private int mostBytes() {
        return target.mergeable() ? (int) Math.min(window.bytesLeft(), TapDevice.MAX_FRAME_BYTES)
            : window.chainBytes();
    }

    /** Reads the frame that is to follow; returns its length with header, or not more than 0 without one. */
    long read() {
        pieces.set(0, headersRead, headers.length());
        int count = 1;
        int segment = endSegment;
        long offset = endOffset;
        offered = 0;
        while (offered < headers.segmentBytes() && count < TapQueue.MAX_SEGMENTS - 1) {
            long chunk = Math.min(window.segments().length(segment) - offset, headers.segmentBytes() - offered);
            pieces.set(count++, window.segments().base(segment) + offset, chunk);
            offered += (int) chunk;
            segment++;
            offset = 0;
        }
        pieces.set(count, spill, StagingSlot.SPILL_BYTES);
        return source.readv(pieces.address(), count + 1);
    }

    /** Takes the frame of so many bytes that was read into the run; false when it is none of it. */
    boolean append(int length) {
        if (!headers.follows(headersRead, headers.length(), length) || length > headers.length() + offered
            || !headers.isChecksumRight(pieces, 0, length) || !isFirstRight()) {
            return false;
        }
        headers.append(length);
        won++;
        advance(length - headers.length());
        open = headers.takesMore();
        return true;
    }

    /** The first frame's bytes are looked at only when there is a second one. */
    private boolean isFirstRight() {
        firstChecked = firstChecked || headers.isChecksumRight(window.segments(), window.segment(), firstBytes);
        return firstChecked;
    }

    private void advance(long bytes) {
        endOffset += bytes;
        while (endOffset > window.segments().length(endSegment)) {
            endOffset -= window.segments().length(endSegment);
            endSegment++;
        }
    }

    /**
     * Puts the frame of so many bytes together that was read for the run and is none of it.
     *
     * @return its address, in front of the spill
     */
    long takeOut(int length) {
        int head = Math.min(length, headers.length());
        long address = spill - offered - headers.length();
        RawMemory.copy(headersRead, address, head);
        SegmentCopy.gather(pieces, 1, address + head, Math.min(length - head, offered));
        doubt = won < WORTH_IT ? DOUBT : 0;
        won = 0;
        expected = false;
        return address;
    }

    /**
     * Ends the run, and gives it to the guest as one frame.
     *
     * @return how many frames it stands for
     */
    int finish(Virtqueue queue) {
        open = false;
        remembered = false;
        int frames = headers.frames();
        if (frames > 1) {
            headers.finish();
            RawMemory.copy(headers.address(), window.segments().base(window.segment()), headers.length());
            target.counters().coalesced(frames);
        }
        window.use(queue, headers.runBytes());
        return frames;
    }

    /** Bytes of all frames of the run, without their virtio-net headers. */
    long frameBytes() {
        return headers.runBytes() - VirtioNetHeader.LENGTH
            + (headers.frames() - 1L) * (headers.length() - VirtioNetHeader.LENGTH);
    }

    @Override
    public void close() {
        headers.close();
        scratch.close();
        pieces.close();
    }
}
