/** Traffic that checks itself: frames with sequence numbers, a small host for either end, a virtio driver. */
@NullMarked
package dev.baton.tools.traffic;

import org.jspecify.annotations.NullMarked;
