/**
 * Tests with real clients: DPDK's testpmd, stock Linux guests in QEMU and the kernel's own stack, each started by the
 * test that needs it and connected to a {@code baton run} process.
 *
 * <p>Everything here is bounded in time and undone by the test that did it: processes (only ever signalled through the
 * handle of the very process that was started), network namespaces, sockets. {@link RequireClients} says when a missing
 * client skips a test and when it fails it.
 */
@NullMarked
package dev.baton.tools.clients;

import org.jspecify.annotations.NullMarked;
