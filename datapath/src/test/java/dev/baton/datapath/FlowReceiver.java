package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.TAKES;

import dev.baton.virtqueue.Features;

/** Receivers as different as they can be; all of them take all that can be joined. */
enum FlowReceiver {
    MERGEABLE(TestGuest.FEATURES, 256, 2048),
    PACKED(TestGuest.PACKED, 256, 2048),
    PACKED_IN_ORDER(TestGuest.PACKED | Features.IN_ORDER, 256, 1536),
    SMALL_BUFFERS(TestGuest.FEATURES, 1024, 256),
    LARGE_BUFFERS(Features.VERSION_1, 32, 65_562),
    LARGE_BUFFERS_PACKED(Features.VERSION_1 | Features.RING_PACKED, 32, 65_562);

    private final long features;
    private final int size;
    private final int bufferBytes;

    FlowReceiver(long features, int size, int bufferBytes) {
        this.features = features;
        this.size = size;
        this.bufferBytes = bufferBytes;
    }

    TestGuest.Shape shape() {
        return TestGuest.Shape.of(features | TAKES).withBuffers(size, bufferBytes, 2048);
    }
}
