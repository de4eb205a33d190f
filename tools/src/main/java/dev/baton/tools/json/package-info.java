/** A small JSON writer and reader: trees of maps, lists, strings, numbers and booleans. */
@NullMarked
package dev.baton.tools.json;

import org.jspecify.annotations.NullMarked;
