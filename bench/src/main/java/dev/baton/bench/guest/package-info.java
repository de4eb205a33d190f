/** A guest whose driver polls, in a process of its own: a client of {@code bench/compare}. */
@NullMarked
package dev.baton.bench.guest;

import org.jspecify.annotations.NullMarked;
