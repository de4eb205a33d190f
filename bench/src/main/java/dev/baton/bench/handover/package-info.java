/** Handovers under load: how long the traffic pauses, and what becomes of the frames. */
@NullMarked
package dev.baton.bench.handover;

import org.jspecify.annotations.NullMarked;
