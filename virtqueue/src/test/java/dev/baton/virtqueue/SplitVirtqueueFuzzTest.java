package dev.baton.virtqueue;

import java.util.EnumSet;

/** The contract on split rings. */
class SplitVirtqueueFuzzTest extends VirtqueueFuzzContract {

    SplitVirtqueueFuzzTest() {
        super(RingFormat.SPLIT, 16, EnumSet.of(VirtqueueFault.AVAIL_INDEX_AHEAD, VirtqueueFault.HEAD_OUT_OF_RANGE,
            VirtqueueFault.NEXT_OUT_OF_RANGE));
    }
}
