package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.VirtioNetHeader;

/**
 * The frames of a guest whose virtio-net header has 10 bytes, as the rest of Baton sees frames: with 12. A driver from
 * before virtio 1.0 that has no mergeable buffers is such a guest (virtio 1.2, 5.1.6.1); a virtqueue that it runs has
 * one of these, and the transfers go by a way of their own.
 *
 * <pre>
 *   the guest's chain      | 10 | frame ...      | frame ... |
 *                                 |                |
 *   list             | 12 |       | frame ...      | frame ... | what was appended |
 *                    header of ours: the guest's 10 bytes and num_buffers
 * </pre>
 *
 * <p>Towards the guest the chain is filled through the list, and the header's 10 bytes are copied into it at the end.
 * One thread at a time; allocates only when it is made.
 */
final class LegacyFrames implements AutoCloseable {
    /** Bytes that these headers are shorter than others. */
    static final int MISSING_BYTES = VirtioNetHeader.LENGTH - VirtioNetHeader.LEGACY_LENGTH;

    /** Most segments of a chain that can be read into: those of a call, without the header and the spill. */
    static final int MAX_READ_SEGMENTS = TapQueue.MAX_SEGMENTS - 2;

    private final Mapping header = Mapping.anonymous(VirtioNetHeader.LENGTH);
    private final IovecArray list = new IovecArray(TapQueue.MAX_SEGMENTS + 2);
    private int segments;

    /** Makes a chain of the guest's transmitq the list; the header is a copy that the guest cannot change any more. */
    void send(IovecArray chain, int first, int count) {
        RawMemory.putLong(header.address(), 0);
        RawMemory.putInt(header.address() + Long.BYTES, 0);
        SegmentCopy.gather(chain, first, header.address(), VirtioNetHeader.LEGACY_LENGTH);
        enlist(chain, first, count);
    }

    /** Makes a chain of the guest's receiveq the list, to be filled. */
    void receive(IovecArray chain, int first, int count) {
        enlist(chain, first, count);
    }

    /** Copies the header that was filled through the list into the chain that the list was made of. */
    void received(IovecArray chain, int first) {
        SegmentCopy.scatter(header.address(), chain, first, VirtioNetHeader.LEGACY_LENGTH);
    }

    /** One more segment behind the chain's. */
    void append(long base, long length) {
        list.set(segments, base, length);
        segments++;
    }

    private void enlist(IovecArray chain, int first, int count) {
        segments = 0;
        append(header.address(), VirtioNetHeader.LENGTH);
        long skipped = VirtioNetHeader.LEGACY_LENGTH;
        for (int i = first; i < first + count; i++) {
            long length = chain.length(i);
            if (length > skipped) {
                append(chain.base(i) + skipped, length - skipped);
            }
            skipped = Math.max(0, skipped - length);
        }
    }

    /** Header, then the frame. */
    IovecArray list() {
        return list;
    }

    /** Segments of the list. */
    int segments() {
        return segments;
    }

    @Override
    public void close() {
        header.close();
        list.close();
    }
}
