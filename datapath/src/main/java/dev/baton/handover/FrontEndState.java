package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.vhostuser.SessionState;
import org.jspecify.annotations.Nullable;

/**
 * A vhost-user port.
 *
 * @param name its name
 * @param queuePairs the most queue pairs that its front end may use
 * @param backendTransfer its own switch
 * @param socketPath path of its vhost-user socket
 * @param listens whether it is the one that listens there
 * @param offloads whether it offers checksum and segmentation offloads
 * @param memoryLimitBytes how much memory its front end may have mapped, bytes
 * @param coalescing whether frames of one flow may go to its guest as one
 * @param firstQueueRecord its first queue record in the baton; the others follow
 * @param listener the listening socket, where it listens
 * @param connection the connection to the front end, while there is one
 * @param session what was agreed over the connection; only with a connection
 */
public record FrontEndState(String name, int queuePairs, boolean backendTransfer, String socketPath, boolean listens,
    boolean offloads, long memoryLimitBytes, boolean coalescing, int firstQueueRecord, @Nullable Fd listener,
    @Nullable Fd connection, @Nullable SessionState session) implements PortState {
}
