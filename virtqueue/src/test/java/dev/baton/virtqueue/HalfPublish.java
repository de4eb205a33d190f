package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * A publish in whose middle the owner dies: only its first stores are left in memory.
 *
 * <pre>
 *   split     used index | record
 *   packed    two words of the journal | used descriptors but the first, in the order of the ring | the first | record
 * </pre>
 *
 * <p>The stores are known from what they change, so that a store more or less is found out by who counts them.
 */
final class HalfPublish {
    /** Words that changed, in the order of their stores, and what they were before. */
    private final List<Long> words = new ArrayList<>();
    private final List<Long> before = new ArrayList<>();
    private int showing = -1;

    private HalfPublish() {
    }

    /** Publishes whole; {@link #undoAfter} follows. */
    static HalfPublish run(Virtqueue queue, QueueRecord record) {
        long[] order = order(queue.layout(), record);
        long[] old = new long[order.length];
        for (int i = 0; i < order.length; i++) {
            old[i] = RawMemory.getLong(order[i]);
        }
        queue.publish();
        HalfPublish publish = new HalfPublish();
        for (int i = 0; i < order.length; i++) {
            if (RawMemory.getLong(order[i]) != old[i]) {
                if (i == order.length - 2) {
                    publish.showing = publish.words.size();
                }
                publish.words.add(order[i]);
                publish.before.add(old[i]);
            }
        }
        return publish;
    }

    /** Every word that a publish may store to, in the order in which it does. */
    private static long[] order(VirtqueueLayout layout, QueueRecord record) {
        long position = record.address();
        if (layout.format() == RingFormat.SPLIT) {
            return new long[] {layout.usedRing(), position};
        }
        int size = layout.size();
        int first = PackedPosition.slot(record.state().usedIdx());
        long[] order = new long[size + 3];
        order[0] = position + 16;
        order[1] = position + 8;
        for (int i = 1; i <= size; i++) {
            order[1 + i] = layout.descriptorTable() + 16L * ((first + i) % size) + 8;
        }
        order[size + 2] = position;
        return order;
    }

    /** How many stores there were. */
    int stores() {
        return words.size();
    }

    /** Leaves the first {@code stores} stores; returns whether what makes the driver see them is among those. */
    boolean undoAfter(int stores) {
        for (int i = words.size() - 1; i >= stores; i--) {
            RawMemory.putLong(words.get(i), before.get(i));
        }
        return showing >= 0 && showing < stores;
    }
}
