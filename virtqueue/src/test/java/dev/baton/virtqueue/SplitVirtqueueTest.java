package dev.baton.virtqueue;

/** The contract on split rings. */
class SplitVirtqueueTest extends VirtqueueContract {
    private static final int TABLE_ENTRIES = 16;
    private long features;

    @Override
    void open(int size, long newFeatures, int firstIndex, boolean indirectTables) {
        features = newFeatures;
        VirtqueueLayout layout = guest.ring(size);
        SplitVirtqueueDriver driver = new SplitVirtqueueDriver(layout, newFeatures, firstIndex);
        if (indirectTables) {
            long tables = guest.allocate(SplitVirtqueueDriver.indirectTableBytes(size, TABLE_ENTRIES));
            driver.useIndirectTables(guest.host(tables), tables, TABLE_ENTRIES);
        }
        QueueState state = new QueueState(firstIndex, firstIndex, firstIndex);
        sides(new SplitVirtqueue(layout, guest.memory(), newFeatures, state), new SplitDriverSide(driver));
    }

    @Override
    void reopenFromState() {
        SplitVirtqueue old = (SplitVirtqueue) device();
        sides(new SplitVirtqueue(old.layout(), guest.memory(), features, old.state()), driver());
    }
}
