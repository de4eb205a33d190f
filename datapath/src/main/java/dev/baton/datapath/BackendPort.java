package dev.baton.datapath;

/**
 * A port with device ends: a {@link NetBackend} that fills and drains the scatter-gather lists of the front end that it
 * is wired to. Frames that were read and cannot be delivered yet wait in the baton, one per queue pair.
 */
public abstract sealed class BackendPort extends Port implements NetBackend
    permits TapPort, LoopbackPort, NullPort {
    private final Baton baton;
    private final int firstSlot;

    /** A new port. */
    BackendPort(String name, int queuePairs, Counters counters, Baton baton) {
        super(name, queuePairs, counters);
        this.baton = baton;
        try {
            firstSlot = baton.allocateSlots(queuePairs);
        } catch (DatapathException e) {
            super.close();
            throw e;
        }
    }

    /** A port that another owner made, with staging slots of its. */
    BackendPort(String name, int queuePairs, Counters counters, Baton baton, int firstSlot) {
        super(name, queuePairs, counters);
        this.baton = baton;
        this.firstSlot = firstSlot;
        try {
            baton.reserveSlots(firstSlot, queuePairs);
        } catch (DatapathException e) {
            super.close();
            throw e;
        }
    }

    final int firstSlot() {
        return firstSlot;
    }

    @Override
    final StagingSlot stagingSlot(int pair) {
        return baton.slot(firstSlot + pair);
    }

    /** What the back end was made with, in words that only its own kind reads. */
    abstract String options();

    /** The owner goes on, and may change the device after it has described it: this port is a standby's. */
    void letOwnerGoOn() {
    }

    /** The owner is dead: what it did to the device after it described it last is undone, or made known. */
    void refresh() {
    }

    @Override
    void close() {
        super.close();
        baton.freeSlots(firstSlot, queuePairs());
    }
}
