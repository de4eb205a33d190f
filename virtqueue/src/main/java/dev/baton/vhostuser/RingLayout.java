package dev.baton.vhostuser;

import dev.baton.virtqueue.VirtqueueLayout;

/**
 * Where a running virtqueue lies after the memory table was replaced.
 *
 * @param index the virtqueue's index
 * @param layout its new host addresses
 */
public record RingLayout(int index, VirtqueueLayout layout) {
}
