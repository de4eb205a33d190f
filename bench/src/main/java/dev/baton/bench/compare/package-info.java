/** Baton and a peer in turn, behind the same real client: {@code bench/compare}. */
@NullMarked
package dev.baton.bench.compare;

import org.jspecify.annotations.NullMarked;
