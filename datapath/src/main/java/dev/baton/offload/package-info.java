/** Checksum and segmentation in software, for a receiver that left them to the sender. */
@NullMarked
package dev.baton.offload;

import org.jspecify.annotations.NullMarked;
