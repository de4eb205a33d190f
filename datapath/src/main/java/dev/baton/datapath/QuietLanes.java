package dev.baton.datapath;

import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.Virtqueue;
import java.util.Arrays;

/**
 * Which lanes of an agent have nothing to do, found out without touching them.
 *
 * <p>Theory of operation. What an agent that has hundreds of queues spends on those that rest are cache misses: to
 * look at one of them takes a dozen lines, of the lane, its transfers, their ends, their virtqueues and the ring. A
 * lane that has had nothing to do for a while, and whose transfers all wait for drivers, is put down here with one word
 * of each ring, {@link Virtqueue#availableWord}, and what it held. As long as they all hold it the lane is quiet, and a
 * duty cycle touches one line of each ring, and of this the arrays, which are read in order:
 *
 * <pre>
 *   lane     | 0         | 1         | 2 ...
 *   words    | ring ring | ring ring | ring ring ...     addresses
 *   held     |  17   204 |   3     3 |  88     9 ...
 * </pre>
 *
 * <p>A TAP has no such word. All TAP queues of the quiet lanes are looked at with one call, see {@link TapWatch}, where
 * otherwise each takes one; an agent that has only a few reads them.
 *
 * <p>All else that can bring work to a lane, a virtqueue that starts or stops, other memory, a handover, comes to its
 * agent as a command, after which no lane is quiet. For the agent's thread alone.
 */
final class QuietLanes {
    /** Duty cycles without a frame: a lane with traffic shall not be put down again and again. */
    private static final int PATIENCE = 64;

    private final TapWatch taps;
    /** Where the words of a lane begin; those of the last end with the last of this. */
    private int[] first = {0};
    private long[] words = {};
    private short[] held = {};
    /** Words were read since {@link #checkFault}. */
    private boolean looked;
    /** Duty cycles in a row in which a lane had nothing to do; from {@link #PATIENCE} on it is quiet. */
    private int[] restful = {};
    /** Lanes that are quiet and have a TAP queue. */
    private boolean[] awaitsTap = {};
    private int awaitsTapCount;

    QuietLanes(TapWatch taps) {
        this.taps = taps;
    }

    /** These are the lanes from now on, and none of them is quiet. */
    void reset(Lane[] lanes) {
        first = new int[lanes.length + 1];
        for (int i = 0; i < lanes.length; i++) {
            first[i + 1] = first[i] + lanes[i].transfers().size();
        }
        words = new long[first[lanes.length]];
        held = new short[words.length];
        restful = new int[lanes.length];
        awaitsTap = new boolean[lanes.length];
        awaitsTapCount = 0;
    }

    /** Hot: whether the lane has nothing to do; if not, it is quiet no more. */
    boolean isQuiet(int lane) {
        if (restful[lane] < PATIENCE) {
            return false;
        }
        looked = true;
        for (int i = first[lane]; i < first[lane + 1]; i++) {
            if (words[i] != 0 && RawMemory.getShort(words[i]) != held[i]) {
                wake(lane);
                return false;
            }
        }
        return true;
    }

    /** Hot: no lane that works next shall be blamed for the memory of those that were looked at. */
    void checkFault() {
        if (looked) {
            looked = false;
            RawMemory.checkFault();
        }
    }

    /** Hot: the lane has had its burst. */
    void worked(int number, Lane lane, int frames) {
        if (frames > 0 || lane.releasing()) {
            restful[number] = 0;
        } else if (++restful[number] >= PATIENCE) {
            restful[number] = putDown(number, lane) ? PATIENCE : 0;
            RawMemory.checkFault();
        }
    }

    /** Notes the words of the lane's sources; false when one of them has something, or nothing tells whether it has. */
    private boolean putDown(int number, Lane lane) {
        int end = first[number + 1];
        int next = first[number];
        boolean tap = false;
        for (Transfer transfer : lane.active()) {
            VirtqueueEnd source = transfer.awaitedSource();
            if (source == null) {
                tap = taps.worthIt() && transfer.awaitsTap();
                if (!tap) {
                    return false;
                }
                continue;
            }
            Virtqueue queue = source.queue();
            if (queue != null) {
                words[next] = queue.availableWord();
                held[next] = RawMemory.getShort(words[next]);
                next++;
                // In this order: what comes after the word was read has changed it.
                if (queue.hasAvailable()) {
                    return false;
                }
            }
        }
        Arrays.fill(words, next, end, 0);
        if (tap) {
            awaitsTap[number] = true;
            awaitsTapCount++;
        }
        return true;
    }

    /** Hot: whether there is a quiet lane with a TAP queue. */
    boolean awaitsTaps() {
        return awaitsTapCount > 0;
    }

    /**
     * Hot: wakes the lanes whose TAP queues got frames. Called before the lanes have their bursts: a lane that is not
     * quiet then reads its queue empty before it can be.
     */
    void lookAtTaps() {
        int reports = taps.look();
        for (int i = 0; i < reports; i++) {
            wake(taps.lane(i));
        }
    }

    private void wake(int lane) {
        restful[lane] = 0;
        if (awaitsTap[lane]) {
            awaitsTap[lane] = false;
            awaitsTapCount--;
        }
    }

    /** Something has changed that neither words nor TAP queues tell. */
    void wakeAll() {
        Arrays.fill(restful, 0);
        Arrays.fill(awaitsTap, false);
        awaitsTapCount = 0;
    }
}
