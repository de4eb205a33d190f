/** Linux calls, one small class per man-page family. */
@NullMarked
package dev.baton.ffi;

import org.jspecify.annotations.NullMarked;
