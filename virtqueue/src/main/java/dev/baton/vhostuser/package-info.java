/** The vhost-user protocol: messages, back-end and front-end side. */
@NullMarked
package dev.baton.vhostuser;

import org.jspecify.annotations.NullMarked;
