/** Ports, wires, the duty cycle. */
@NullMarked
package dev.baton.datapath;

import org.jspecify.annotations.NullMarked;
