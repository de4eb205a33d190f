/** Guest memory, virtqueues and the virtio-net header. */
@NullMarked
package dev.baton.virtqueue;

import org.jspecify.annotations.NullMarked;
