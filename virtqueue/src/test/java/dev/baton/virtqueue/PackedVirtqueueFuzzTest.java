package dev.baton.virtqueue;

import java.util.EnumSet;

/** The contract on packed rings, of a size that is no power of two. */
class PackedVirtqueueFuzzTest extends VirtqueueFuzzContract {

    PackedVirtqueueFuzzTest() {
        super(RingFormat.PACKED, 13, EnumSet.noneOf(VirtqueueFault.class));
    }
}
