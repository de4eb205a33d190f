package dev.baton.virtqueue;

/** The contract on packed rings. */
class PackedVirtqueueTest extends VirtqueueContract {

    PackedVirtqueueTest() {
        super(Features.RING_PACKED);
    }
}
