package dev.baton.virtqueue;

/** The contract on split rings whose chains are used in order. */
class SplitVirtqueueInOrderTest extends VirtqueueContract {

    SplitVirtqueueInOrderTest() {
        super(Features.IN_ORDER);
    }
}
