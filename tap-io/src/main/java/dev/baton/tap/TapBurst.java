package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.IoUring;
import dev.baton.ffi.RawMemory;

/**
 * Frames that go to a TAP queue, or come from it, in one go: with one call of the kernel where the queue has a ring
 * ({@link TapQueue#useIoUring}) and there are enough of them, else with a call for each. Nobody can tell from the
 * outcome which it was, and when a method returns, every frame is where it is going to be.
 *
 * <pre>
 *   clear()  add() add() ...  write()      frames 0 to n-1 are settled, see result(); from n on they are the caller's
 *   clear()  add() add() ...  read()       the first n buffers hold a frame each, of lengthBytes()
 * </pre>
 *
 * <p>For the thread that works with the queue; one burst at a time is under construction. Hot: raw addresses, no check,
 * no exception, no allocation.
 */
public final class TapBurst {
    /** Most frames. */
    public static final int MAX_FRAMES = 32;
    /**
     * With fewer frames a call for each is cheaper: to enter a ring costs more than a call, and each frame in it less.
     */
    public static final int WORTH_IT = 6;

    private static final long LOST = -Errno.ENOBUFS;

    private final TapQueue queue;
    private final long[] addresses = new long[MAX_FRAMES];
    /** Bytes of one buffer; of a list its segments, as a negative number. */
    private final long[] sizes = new long[MAX_FRAMES];
    private final long[] results = new long[MAX_FRAMES];
    private int count;
    private int cutOff;

    /** An empty burst. */
    public TapBurst(TapQueue queue) {
        this.queue = queue;
    }

    /** Begins anew. */
    public void clear() {
        count = 0;
    }

    /** Frames or buffers that were added. */
    public int count() {
        return count;
    }

    /** Adds a frame, or room for one, in one piece. */
    public void add(long address, long length) {
        addresses[count] = address;
        sizes[count] = length;
        count++;
    }

    /** Adds a frame that lies in {@code segments} entries of a list; only to be written. */
    public void addList(long iov, int segments) {
        addresses[count] = iov;
        sizes[count] = -segments;
        count++;
    }

    /**
     * Writes the frames, in order.
     *
     * @return how many of them are settled: written, or refused for good. The next one, if there is one, found no room:
     *     neither it nor any after it was written. A frame that found no room while a later one did is refused, with
     *     ENOBUFS: it cannot be written behind that one.
     */
    public int write() {
        IoUring ring = queue.ring();
        int done = ring != null && count >= WORTH_IT ? writeThrough(ring) : 0;
        int settled = settled(done);
        return settled < done ? settled : writeFrom(done);
    }

    private int writeThrough(IoUring ring) {
        for (int i = 0; i < count; i++) {
            if (sizes[i] >= 0) {
                ring.write(addresses[i], sizes[i]);
            } else {
                ring.writev(addresses[i], (int) -sizes[i]);
            }
        }
        return takeResults(ring);
    }

    /** Of {@code done} results, those up to the last frame that is not the caller's any more. */
    private int settled(int done) {
        int settled = done;
        while (settled > 0 && nothing(results[settled - 1])) {
            settled--;
        }
        for (int i = 0; i < settled; i++) {
            results[i] = nothing(results[i]) ? LOST : results[i];
        }
        return settled;
    }

    private int writeFrom(int first) {
        for (int i = first; i < count; i++) {
            long result = sizes[i] >= 0 ? queue.write(addresses[i], sizes[i])
                : queue.writev(addresses[i], (int) -sizes[i]);
            results[i] = result;
            if (nothing(result)) {
                return i;
            }
        }
        return count;
    }

    /** Of a frame that {@link #write} settled: its bytes, or a negative errno. */
    public long result(int frame) {
        return results[frame];
    }

    /**
     * Reads frames until there is none or each buffer has one. A frame may have been cut off to fit when it fills its
     * buffer; such a frame is thrown away and counted, see {@link #cutOff()}. So buffers shall be longer than any frame
     * that is expected: {@link TapQueue#longestFrame()}.
     *
     * @return how many buffers hold a frame, the first ones that were added
     */
    public int read() {
        cutOff = 0;
        IoUring ring = queue.ring();
        int done = ring != null && count >= WORTH_IT ? readThrough(ring) : 0;
        int found = closeUp(done);
        return found + cutOff < done ? found : readFrom(done, found);
    }

    private int readThrough(IoUring ring) {
        for (int i = 0; i < count; i++) {
            ring.read(addresses[i], sizes[i]);
        }
        return takeResults(ring);
    }

    /**
     * Moves frames to the front, so that no buffer between them is empty: a frame that comes while the last reads find
     * nothing is read by the last of all.
     */
    private int closeUp(int done) {
        int found = 0;
        for (int i = 0; i < done; i++) {
            found += keep(i, found, results[i]);
        }
        return found;
    }

    private int readFrom(int first, int alreadyFound) {
        int found = alreadyFound;
        for (int i = first; i < count; i++) {
            long result = queue.read(addresses[i], sizes[i]);
            if (result <= 0) {
                break;
            }
            found += keep(i, found, result);
        }
        return found;
    }

    /** A frame that was read into one buffer becomes that of another one; returns whether it is a whole one, 1 or 0. */
    private int keep(int buffer, int place, long result) {
        if (result <= 0) {
            return 0;
        }
        if (result >= sizes[buffer] || result >= sizes[place]) {
            cutOff++;
            return 0;
        }
        if (buffer != place) {
            RawMemory.copy(addresses[buffer], addresses[place], result);
        }
        results[place] = result;
        return 1;
    }

    /** Bytes of a frame that {@link #read} found, its virtio-net header included. */
    public int lengthBytes(int frame) {
        return (int) results[frame];
    }

    /** Frames that {@link #read} threw away. */
    public int cutOff() {
        return cutOff;
    }

    private int takeResults(IoUring ring) {
        int done = ring.submit();
        for (int i = 0; i < done; i++) {
            results[i] = ring.result(i);
        }
        return done;
    }

    private static boolean nothing(long result) {
        return result == -Errno.EAGAIN || result == -Errno.EINTR;
    }
}
