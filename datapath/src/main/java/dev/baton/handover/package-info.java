/** The handover between two owners: the records that travel, their messages, and the channel that carries them. */
@NullMarked
package dev.baton.handover;

import org.jspecify.annotations.NullMarked;
