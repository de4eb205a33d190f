/** The soak: everything that can happen to a datapath, at random, with every frame accounted for. */
@NullMarked
package dev.baton.bench.soak;

import org.jspecify.annotations.NullMarked;
