package dev.baton.virtqueue;

/** The contract on split rings. */
class SplitVirtqueueTest extends VirtqueueContract {

    SplitVirtqueueTest() {
        super(0);
    }
}
