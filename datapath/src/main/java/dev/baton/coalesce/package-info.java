/** Consecutive frames of one flow made one, which the kernel cuts again only where it has to. */
@NullMarked
package dev.baton.coalesce;

import org.jspecify.annotations.NullMarked;
