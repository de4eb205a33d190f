package dev.baton.datapath;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;
import dev.baton.virtqueue.Virtqueue;

/**
 * The buffers that a driver offers for frames to come, fetched ahead and used up from the front.
 *
 * <p>Theory of operation: a fetch walks chains without consuming them, so the window is a cache of what lies behind
 * the queue's last available index and may be thrown away at any time: when the memory below changes
 * ({@link VirtqueueEnd#generation()}), when the queue stops, when the datapath is handed over. The segments of
 * successive chains are neighbours in one iovec array, so that one {@code readv} can fill several chains:
 *
 * <pre>
 *   chains    | used | used | next      | free      | free      |
 *   segments  | s0   | s1   | s2 | s3   | s4        | s5 | s6   | one spare
 *                            ^ address(segment())
 * </pre>
 */
final class ReceiveWindow {
    /** As many as a call of the kernel fills: the longest frame in buffers of 128 bytes is 513. */
    private static final int MAX_CHAINS = TapQueue.MAX_SEGMENTS;
    private static final int MAX_SEGMENTS = ChainBurst.MAX_SEGMENTS_PER_CHAIN + MAX_CHAINS;
    /** Twice a burst in buffers of 2 KiB: a fetch seldom cuts a burst short. */
    private static final long WINDOW_BYTES = 2 * Transfer.MAX_BURST * 2048L;
    /** Longer than a guest that runs leaves its buffers alone. */
    private static final long PATIENCE_NS = 1_000_000_000;

    private final VirtqueueEnd end;
    private final ChainBurst chains = new ChainBurst(MAX_CHAINS, MAX_SEGMENTS);
    private final IovecArray segments = chains.segments();
    private long generation = -1;
    private int count;
    private int next;
    private long bytesLeft;
    /** How many chains were too few for the frame that waits, -1: none waits; and since when there are so many. */
    private int tooFew = -1;
    private long tooFewSinceNs;

    ReceiveWindow(VirtqueueEnd end) {
        this.end = end;
    }

    /** Makes sure that {@code wantedBytes} are offered, as far as the driver has them; false without a chain. */
    boolean offer(Virtqueue queue, long wantedBytes) {
        boolean valid = generation == end.generation() && next < count;
        return (valid && bytesLeft >= wantedBytes) || fetch(queue);
    }

    private boolean fetch(Virtqueue queue) {
        generation = end.generation();
        next = 0;
        count = queue.fetchWritable(chains, MAX_CHAINS, WINDOW_BYTES);
        bytesLeft = chains.totalBytes();
        if (count == 0) {
            end.checkFault(queue);
        }
        return count > 0;
    }

    /**
     * After an offer of less than a frame needs: whether it makes sense to wait for more. It does not when the driver
     * has made its whole queue available, or more than the window holds, nor when it has added nothing for
     * {@value #PATIENCE_NS} ns, for it need not offer as much as its queue has room for.
     */
    boolean mayGrow(Virtqueue queue) {
        if (count >= queue.size() || !queue.fetchedAll()) {
            return false;
        }
        if (count != tooFew) {
            tooFew = count;
            tooFewSinceNs = System.nanoTime();
        }
        return System.nanoTime() - tooFewSinceNs <= PATIENCE_NS;
    }

    /** Chains that are left in it. */
    int chainsLeft() {
        return count - next;
    }

    /** Fetches anew; returns how many chains there are. */
    int refresh(Virtqueue queue) {
        fetch(queue);
        return count;
    }

    IovecArray segments() {
        return segments;
    }

    /** Index of the first segment of the next chain. */
    int segment() {
        return chains.firstSegment(next);
    }

    /** Bytes of the next chain. */
    int chainBytes() {
        return chains.lengthBytes(next);
    }

    /** Segments of the next chain. */
    int chainSegments() {
        return chains.segmentCount(next);
    }

    /** Chains from the next on that are one segment each. */
    int plainChains() {
        return Math.max(0, chains.plainChains() - next);
    }

    /** How many of the next chains, {@code most} at most, are one segment each of at least {@code leastBytes}. */
    int plainChains(int most, int leastBytes) {
        int end = Math.min(chains.plainChains(), next + most);
        int chain = next;
        while (chain < end && chains.lengthBytes(chain) >= leastBytes) {
            chain++;
        }
        return Math.max(0, chain - next);
    }

    /** Bytes of a plain chain, {@code ahead} after the next. */
    int plainBytes(int ahead) {
        return chains.lengthBytes(next + ahead);
    }

    /** Address of a plain chain, {@code ahead} after the next. */
    long plainAddress(int ahead) {
        return chains.segmentBase(next + ahead);
    }

    /** Completes the next chains with frames that lie in them, one in each, their headers too. */
    void usePlain(Virtqueue queue, ChainBurst frames, int from, int frameCount) {
        queue.use(chains, next, frameCount, frames, from);
        advance(frameCount);
    }

    /** Completes the next chains, which are one segment each, with a frame of {@code frameBytes} in each. */
    void usePlain(Virtqueue queue, int frameCount, int frameBytes) {
        queue.use(chains, next, frameCount, frameBytes);
        advance(frameCount);
    }

    private void advance(int chainCount) {
        int end = next + chainCount;
        for (int chain = next; chain < end; chain++) {
            bytesLeft -= chains.lengthBytes(chain);
        }
        next = end;
        tooFew = chainCount > 0 ? -1 : tooFew;
    }

    /** Bytes of all chains in the window. */
    long bytesLeft() {
        return bytesLeft;
    }

    /** Segments of as many chains from the next on as hold {@code wantedBytes}, or of all. */
    int segmentsFor(long wantedBytes) {
        int chain = next;
        long bytes = 0;
        while (chain < count && bytes < wantedBytes) {
            bytes += chains.lengthBytes(chain++);
        }
        return chains.firstSegment(chain - 1) + chains.segmentCount(chain - 1) - segment();
    }

    /** Completes a frame of {@code frameBytes}, header included, that fills the next chains; returns their number. */
    int use(Virtqueue queue, long frameBytes) {
        int first = next;
        int firstSegment = segment();
        long left = frameBytes;
        do {
            int length = chains.lengthBytes(next);
            int written = (int) Math.min(left, length);
            queue.use(chains.head(next), written);
            bytesLeft -= length;
            left -= written;
            next++;
        } while (left > 0);
        tooFew = -1;
        if (end.legacy() == null) {
            setNumBuffers(firstSegment, next - first);
        }
        return next - first;
    }

    /** virtio 1.2, 5.1.6.4.1: the number of chains that the frame spans, 1 without mergeable buffers. */
    private void setNumBuffers(int segment, int buffers) {
        if (segments.length(segment) >= VirtioNetHeader.LENGTH) {
            RawMemory.putShort(segments.base(segment) + VirtioNetHeader.NUM_BUFFERS_OFFSET, (short) buffers);
        } else {
            SegmentCopy.putByte(segments, segment, VirtioNetHeader.NUM_BUFFERS_OFFSET, (byte) buffers);
            SegmentCopy.putByte(segments, segment, VirtioNetHeader.NUM_BUFFERS_OFFSET + 1, (byte) (buffers >>> 8));
        }
    }

    void release() {
        chains.close();
    }
}
