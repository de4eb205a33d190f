package dev.baton.coalesce;

import dev.baton.ffi.IovecArray;
import dev.baton.virtqueue.ChainBurst;

/**
 * Finds frames in a row that one frame can stand for, and gives that one as a scatter-gather list: new headers, and
 * each payload where the guest put it.
 *
 * <pre>
 *   burst          | h payload 0 | h payload 1 | h payload 2 | another flow ...
 *   list           | H | payload 0 | payload 1 | payload 2 |
 *                    H: UDP or TCP segmentation, gso_size the bytes of payload 0 (virtio 1.2, 5.1.6)
 * </pre>
 *
 * <p>Theory of operation. The kernel charges for a call and for a packet, hardly for bytes. From the one frame it makes
 * exactly the frames that there were, and only where it has to: before a socket that reads datagrams or a device that
 * cannot cut; a socket that reads a stream, a bridge or another guest takes the whole. So a run is what the kernel
 * would cut like this: the same flow, nothing between, equal sizes (the last may be shorter), everything in the headers
 * equal but what the kernel counts up by itself. Frames of two flows that alternate are no run: their order is kept.
 * Checksums are verified before, for the kernel computes all of them anew and would make good a wrong one. Whatever is
 * odd in any way is left alone: no checksum, options of IPv4, fragments, padding, VLAN tags.
 *
 * <p>For one thread; allocates only when it is made. A guest that changes its frames meanwhile changes what it sends,
 * and nothing else.
 */
public final class Coalescer implements AutoCloseable {
    private static final int UNLIMITED = Integer.MAX_VALUE;

    private final FlowHeaders headers = new FlowHeaders();
    private final IovecArray list;
    private final int maxSegments;
    private int segments;

    /**
     * A coalescer for a receiver that takes no segmentation, so far: it leaves all alone.
     *
     * @param maxSegments of a list, at least 2
     */
    public Coalescer(int maxSegments) {
        this.maxSegments = maxSegments;
        this.list = new IovecArray(maxSegments);
    }

    /** Says what the receiver takes, see {@link FlowHeaders#takes}. */
    public void takes(boolean udp, boolean tcp4, boolean tcp6) {
        headers.takes(udp, tcp4, tcp6);
    }

    /** Says whether the sender may leave checksums to the receiver, as it may at first. */
    public void partialChecksums(boolean allowed) {
        headers.partial(allowed);
    }

    /** Looks for a run of any length, up to what IP can say; parameters and result as for the other. */
    public int join(ChainBurst burst, int from) {
        return join(burst, from, UNLIMITED);
    }

    /**
     * Looks for a run.
     *
     * @param from      the chain that it has to begin with
     * @param mostBytes bytes of the list, at most
     * @return how many chains it has; 1: that chain is left alone and there is no list
     */
    public int join(ChainBurst burst, int from, int mostBytes) {
        int count = burst.count();
        if (from + 1 >= count || !begins(burst, from, mostBytes)) {
            return 1;
        }
        int end = from + 1;
        while (end < count && follows(burst, end) && (end > from + 1 || isFirstRight(burst, from))
            && isChecksumRight(burst, end) && append(burst, end)) {
            headers.append(burst.lengthBytes(end));
            end++;
        }
        if (end > from + 1) {
            headers.finish();
        }
        return end - from;
    }

    /**
     * Whether a run seems to begin with a chain, by its headers and those of the next one; their checksums may still
     * be wrong. There is no list afterwards.
     */
    public boolean seemsToBegin(ChainBurst burst, int chain) {
        return chain + 1 < burst.count() && begins(burst, chain, UNLIMITED) && follows(burst, chain + 1);
    }

    /** The list, from its first entry on. */
    public IovecArray list() {
        return list;
    }

    /** Segments of the list. */
    public int segments() {
        return segments;
    }

    /** Bytes of the list. */
    public int lengthBytes() {
        return headers.runBytes();
    }

    private boolean begins(ChainBurst burst, int chain, int mostBytes) {
        int segment = burst.firstSegment(chain);
        return headers.begin(burst.segmentBase(segment), burst.segmentLength(segment), burst.lengthBytes(chain),
            mostBytes);
    }

    private boolean follows(ChainBurst burst, int chain) {
        int segment = burst.firstSegment(chain);
        return headers.follows(burst.segmentBase(segment), burst.segmentLength(segment), burst.lengthBytes(chain));
    }

    /** The first frame's bytes are looked at only when there is a second one. */
    private boolean isFirstRight(ChainBurst burst, int chain) {
        list.set(0, headers.address(), headers.length());
        segments = 1;
        return isChecksumRight(burst, chain) && append(burst, chain);
    }

    private boolean isChecksumRight(ChainBurst burst, int chain) {
        return headers.isChecksumRight(burst.segments(), burst.firstSegment(chain), burst.lengthBytes(chain));
    }

    /** Appends a payload to the list; false when there is no room for it. */
    private boolean append(ChainBurst burst, int chain) {
        int segment = burst.firstSegment(chain);
        int count = burst.segmentCount(chain);
        int header = headers.length();
        if (segments + count > maxSegments) {
            return false;
        }
        long rest = burst.segmentLength(segment) - header;
        if (rest > 0) {
            put(burst.segmentBase(segment) + header, rest);
        }
        for (int next = segment + 1; next < segment + count; next++) {
            put(burst.segmentBase(next), burst.segmentLength(next));
        }
        return true;
    }

    private void put(long base, long length) {
        list.set(segments, base, length);
        segments++;
    }

    @Override
    public void close() {
        headers.close();
        list.close();
    }
}
