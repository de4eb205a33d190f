package dev.baton.offload;

import dev.baton.coalesce.InternetChecksum;
import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;

/**
 * What a frame asks for in its virtio-net header (virtio 1.2, 5.1.6), done in software: its checksum is filled in, or
 * it is cut into frames as {@code __udp_gso_segment}, {@code tcp_gso_segment} and {@code inet_gso_segment} of Linux
 * would cut it.
 *
 * <pre>
 *   copy     | virtio-net, Ethernet, IP, transport | payload 0 | payload 1 | payload 2 |
 *   list     | H | payload 1 |
 *              H: the headers once more, changed for each frame in turn
 * </pre>
 *
 * <p>The caller copies a frame to {@link #address()}, where its sender cannot change it any more, then calls
 * {@link #begin}, and {@link #next} as often as that said. For one thread; allocates only when it is made.
 */
public final class SoftwareOffload implements AutoCloseable {
    /**
     * Frames that one may become at most. TCP's least segment is some 500 bytes in earnest, and a guest that asks for
     * segments of one byte shall not keep the others waiting.
     */
    public static final int MAX_FRAMES = 2048;

    private static final int NET_HEADER = VirtioNetHeader.LENGTH;
    private static final int MAX_HEADERS = 512;
    private static final int NO_CHECKSUM = 0xFFFF;

    private final Mapping memory;
    private final long copy;
    private final SegmentHeaders headers;
    private final IovecArray list = new IovecArray(2);
    private boolean takesChecksum;
    /** Whether the frame is to be cut; else it stays one. */
    private boolean cut;
    private int length;
    private int segmentBytes;
    /** Where the payload of the next frame begins, and how many frames came before. */
    private int at;
    private int index;

    /**
     * Makes room for a copy.
     *
     * @param longestFrame bytes of the longest frame, virtio-net header included
     */
    public SoftwareOffload(int longestFrame) {
        memory = Mapping.anonymous((long) longestFrame + MAX_HEADERS);
        headers = new SegmentHeaders(memory.address(), MAX_HEADERS);
        copy = memory.address() + MAX_HEADERS;
    }

    /** Where a frame has to be copied to, virtio-net header first. */
    public long address() {
        return copy;
    }

    /**
     * Looks at the frame.
     *
     * @param frameLength           its bytes, virtio-net header included
     * @param receiverTakesChecksum whether the receiver takes frames whose checksum is still to be filled in
     * @return how many frames it becomes; 0 when its headers are not those of a frame that can be cut or summed up
     */
    public int begin(int frameLength, boolean receiverTakesChecksum) {
        length = frameLength;
        takesChecksum = receiverTakesChecksum;
        index = 0;
        int type = VirtioNetHeader.gsoType(copy) & ~VirtioNetHeader.GSO_ECN;
        cut = type != VirtioNetHeader.GSO_NONE;
        if (!Requests.fit(RawMemory.getLong(copy), VirtioNetHeader.csumOffset(copy), frameLength)) {
            return 0;
        }
        if (!cut) {
            return 1;
        }
        if (!headers.begin(copy, frameLength, type)) {
            return 0;
        }
        segmentBytes = VirtioNetHeader.gsoSize(copy);
        at = headers.length();
        int payload = frameLength - at;
        long frames = Math.max(1, ((long) payload + segmentBytes - 1) / segmentBytes);
        return frames > MAX_FRAMES || !headers.fits(Math.min(payload, segmentBytes)) ? 0 : (int) frames;
    }

    /** Makes the next frame the list; returns its bytes, virtio-net header included. */
    public int next() {
        if (!cut) {
            fillIn();
            list.set(0, copy, length);
            return length;
        }
        int payload = Math.min(segmentBytes, length - at);
        headers.become(index, index * segmentBytes, payload, at + payload == length);
        long pseudoHeader = headers.pseudoHeader(payload);
        if (takesChecksum) {
            headers.leaveChecksum(pseudoHeader);
        } else {
            headers.checksum(InternetChecksum.add(pseudoHeader, copy + at, payload));
        }
        list.set(0, headers.address(), headers.length());
        list.set(1, copy + at, payload);
        at += payload;
        index++;
        return headers.length() + payload;
    }

    /** The checksum of a whole frame; its field holds what the sum starts from (virtio 1.2, 5.1.6.2). */
    private void fillIn() {
        long start = copy + NET_HEADER + VirtioNetHeader.csumStart(copy);
        long place = start + VirtioNetHeader.csumOffset(copy);
        int sum = ~InternetChecksum.fold(InternetChecksum.add(0, start, copy + length - start)) & NO_CHECKSUM;
        RawMemory.putShort(place, (short) (sum == 0 ? NO_CHECKSUM : sum));
        VirtioNetHeader.plain(copy);
    }

    /** The frame: of two segments at most. */
    public IovecArray list() {
        return list;
    }

    @Override
    public void close() {
        list.close();
        memory.close();
    }
}
