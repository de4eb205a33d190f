/** Multiqueue TAP devices. */
@NullMarked
package dev.baton.tap;

import org.jspecify.annotations.NullMarked;
