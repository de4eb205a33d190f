/** The demo: a guest in another process, Baton, and this kernel, with traffic that checks itself. */
@NullMarked
package dev.baton.tools.demo;

import org.jspecify.annotations.NullMarked;
