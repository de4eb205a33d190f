package dev.baton.vhostuser;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;

/** Sends bytes without waiting. */
final class MessageWriter {
    static final int[] NO_DESCRIPTORS = new int[0];

    private MessageWriter() {
    }

    /**
     * Sends what the socket has room for.
     *
     * @return bytes that were taken, 0 where there is no room; the descriptors go with the first of them
     */
    static int send(Fd socket, long address, int length, int[] descriptors) throws ProtocolException {
        try {
            long sent = DescriptorMessage.send(socket, address, length, descriptors, DescriptorMessage.MSG_DONTWAIT);
            return sent == -Errno.EAGAIN ? 0 : (int) sent;
        } catch (SyscallException e) {
            boolean gone = e.errno() == Errno.EPIPE || e.errno() == Errno.ECONNRESET;
            throw new ProtocolException(gone ? ErrorKind.VANISHED : ErrorKind.SOCKET_FAILED, e);
        }
    }
}
