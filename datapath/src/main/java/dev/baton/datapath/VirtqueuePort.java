package dev.baton.datapath;

import dev.baton.virtqueue.VirtqueueFault;
import java.util.ArrayList;
import java.util.List;

/** A port with memory ends: one virtqueue for each direction of each queue pair. */
public abstract sealed class VirtqueuePort extends Port permits VhostUserPort, MemoryPort {
    private final List<VirtqueueEnd> rxEnds = new ArrayList<>();
    private final List<VirtqueueEnd> txEnds = new ArrayList<>();

    private final Baton baton;
    private final int firstQueueRecord;
    /** What the baton says of this port, as far as it was said here. */
    private boolean inHand;

    /** A new port. */
    VirtqueuePort(String name, int queuePairs, Counters counters, Baton baton, Conductor conductor) {
        super(name, queuePairs, counters);
        this.baton = baton;
        try {
            firstQueueRecord = baton.allocateQueues(2 * queuePairs);
        } catch (DatapathException e) {
            super.close();
            throw e;
        }
        makeEnds(conductor);
    }

    /** A port that another owner made, with queue records of its. */
    VirtqueuePort(String name, int queuePairs, Counters counters, Baton baton, Conductor conductor,
                  int firstQueueRecord) {
        super(name, queuePairs, counters);
        this.baton = baton;
        this.firstQueueRecord = firstQueueRecord;
        try {
            baton.reserveQueues(firstQueueRecord, 2 * queuePairs);
        } catch (DatapathException e) {
            super.close();
            throw e;
        }
        makeEnds(conductor);
    }

    private void makeEnds(Conductor conductor) {
        VirtqueueEnd.FaultListener listener = (end, fault) -> conductor.post(() -> faulted(end, fault));
        for (int pair = 0; pair < queuePairs(); pair++) {
            rxEnds.add(new VirtqueueEnd(name() + " transmitq " + pair, counters(pair),
                baton.queue(firstQueueRecord + 2 * pair), listener));
            txEnds.add(new VirtqueueEnd(name() + " receiveq " + pair, counters(pair),
                baton.queue(firstQueueRecord + 2 * pair + 1), listener));
        }
    }

    final int firstQueueRecord() {
        return firstQueueRecord;
    }

    /** Whether the port's owner died with messages in its hands that a standby may not know of. */
    final boolean unsettled() {
        return baton.unsettled(firstQueueRecord);
    }

    /** Says so, for who goes on if this process dies. */
    final void unsettle() {
        inHand = true;
        baton.unsettled(firstQueueRecord, true);
    }

    /** Nothing is in hand that is not told. */
    final void settle() {
        if (inHand) {
            inHand = false;
            baton.unsettled(firstQueueRecord, false);
        }
    }

    /** What a former owner said of this is past. */
    final void settleFormer() {
        if (!inHand) {
            baton.unsettled(firstQueueRecord, false);
        }
    }

    /** A virtqueue broke the rules and does nothing more until it is started again; conductor's thread. */
    abstract void faulted(VirtqueueEnd end, VirtqueueFault fault);

    @Override
    final VirtqueueEnd rxEnd(int pair) {
        return rxEnds.get(pair);
    }

    @Override
    final VirtqueueEnd txEnd(int pair) {
        return txEnds.get(pair);
    }

    /** Frees what the ends hold; no agent works with them any more. */
    final void releaseEnds() {
        rxEnds.forEach(VirtqueueEnd::release);
        txEnds.forEach(VirtqueueEnd::release);
    }

    @Override
    void close() {
        super.close();
        baton.freeQueues(firstQueueRecord, 2 * queuePairs());
    }
}
