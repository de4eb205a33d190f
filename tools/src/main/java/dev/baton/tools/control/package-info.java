/** The control socket: one line in, one JSON document out. */
@NullMarked
package dev.baton.tools.control;

import org.jspecify.annotations.NullMarked;
