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
 * <p>All else that can bring work to a lane, a virtqueue that starts or stops, other memory, a handover, comes to its
 * agent as a command, after which no lane is quiet. For the agent's thread alone.
 */
final class QuietLanes {
    /** Duty cycles without a frame: a lane with traffic shall not be put down again and again. */
    private static final int PATIENCE = 64;

    private final int[] first;
    private final long[] words;
    private final short[] held;
    /** Duty cycles in a row in which a lane had nothing to do; from {@link #PATIENCE} on it is quiet. */
    private final int[] restful;

    /** No lane is quiet yet. */
    QuietLanes(Lane[] lanes) {
        first = new int[lanes.length + 1];
        for (int i = 0; i < lanes.length; i++) {
            first[i + 1] = first[i] + lanes[i].transfers().size();
        }
        words = new long[first[lanes.length]];
        held = new short[words.length];
        restful = new int[lanes.length];
    }

    /** Hot: whether the lane has nothing to do; if not, it is quiet no more. */
    boolean isQuiet(int lane) {
        if (restful[lane] < PATIENCE) {
            return false;
        }
        for (int i = first[lane]; i < first[lane + 1]; i++) {
            if (words[i] != 0 && RawMemory.getShort(words[i]) != held[i]) {
                restful[lane] = 0;
                return false;
            }
        }
        return true;
    }

    /** Hot: the lane has had its burst. */
    void worked(int number, Lane lane, int frames) {
        if (frames > 0 || lane.releasing()) {
            restful[number] = 0;
        } else if (++restful[number] >= PATIENCE) {
            restful[number] = putDown(number, lane) ? PATIENCE : 0;
        }
    }

    /** Notes the words of the lane's sources; false when one of them has something, or has no such word. */
    private boolean putDown(int number, Lane lane) {
        int end = first[number + 1];
        int next = first[number];
        for (Transfer transfer : lane.active()) {
            VirtqueueEnd source = transfer.awaitedSource();
            if (source == null) {
                return false;
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
        return true;
    }

    /** Something has changed that the words do not tell. */
    void wakeAll() {
        Arrays.fill(restful, 0);
    }
}
