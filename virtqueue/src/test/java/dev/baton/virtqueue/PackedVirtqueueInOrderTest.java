package dev.baton.virtqueue;

/** The contract on packed rings whose chains are used in order. */
class PackedVirtqueueInOrderTest extends VirtqueueContract {

    PackedVirtqueueInOrderTest() {
        super(Features.RING_PACKED | Features.IN_ORDER);
    }
}
