package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.ChainBurst;
import dev.baton.virtqueue.VirtioNetHeader;

/**
 * A run of frames that are what most frames are: one segment here and there, and no offload asked for. They are
 * copied in stages, in each of which nothing waits for anything else, so that the cache misses of the run overlap. The
 * first stage loads both ends of each frame, the header and its last byte, and with them all lines of a small one: a
 * copy is many instructions, and a core that waits in one has few of the next ones in view. In the copies' stage there
 * is little but copies: a core lets only so many stores wait for their lines.
 *
 * <p>Nothing is used before all is copied: where memory is cut short in the middle, both virtqueues are as they were.
 */
final class PlainRun {
    private final long[] sources = new long[Transfer.MAX_BURST];
    private final long[] places = new long[Transfer.MAX_BURST];
    private final long[] headers = new long[Transfer.MAX_BURST];
    private long bytes;
    @SuppressWarnings("UnusedVariable") // without it the JIT would leave the load of the last byte out
    private int touched;

    /**
     * Copies the frames of the burst from {@code from} on, up to the first that is another, or finds no room, or is
     * frame {@code end}.
     *
     * @param window offers chains, as many as there are
     * @return how many; the caller uses their chains
     */
    int copy(ChainBurst burst, int from, int end, ReceiveWindow window) {
        int frames = Math.min(burst.plainChains(), end) - from;
        int run = plan(burst, from, Math.min(frames, window.plainChains()), window);
        long copied = 0;
        for (int i = 0; i < run; i++) {
            int length = burst.lengthBytes(from + i);
            RawMemory.copy(sources[i], places[i], length);
            RawMemory.putLong(places[i], headers[i]);
            RawMemory.putShort(places[i] + VirtioNetHeader.NUM_BUFFERS_OFFSET, (short) 1);
            copied += length;
        }
        bytes = copied - (long) run * VirtioNetHeader.LENGTH;
        return run;
    }

    private int plan(ChainBurst burst, int from, int limit, ReceiveWindow window) {
        int sum = 0;
        int i = 0;
        while (i < limit) {
            int length = burst.lengthBytes(from + i);
            long source = burst.segmentBase(from + i);
            long header = RawMemory.getLong(source);
            if (length < Offloads.SHORTEST_FRAME || length > window.plainBytes(i) || Offloads.asked(header)) {
                break;
            }
            sum += RawMemory.getByte(source + length - 1);
            sources[i] = source;
            places[i] = window.plainAddress(i);
            headers[i] = Offloads.sent(header);
            i++;
        }
        touched = sum;
        return i;
    }

    /** Bytes of the frames that the last call copied, without their headers. */
    long bytes() {
        return bytes;
    }
}
