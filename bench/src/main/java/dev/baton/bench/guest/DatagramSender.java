package dev.baton.bench.guest;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UdpSocket;

/**
 * Sends datagrams into a TAP from the kernel's side, many in one call: the kernel goes its way once for all of them,
 * and cuts them into frames at the TAP, if that takes no segmented ones.
 */
final class DatagramSender implements AutoCloseable {
    private static final int HEADERS = 14 + 20 + 8;
    private static final int PORT = 4791;
    private static final int MAX_DATAGRAMS = 64;
    private static final int MAX_PAYLOAD = 65_507;

    private final Fd socket;
    private final int bytes;
    private final int datagrams;
    private final Mapping payload = Mapping.anonymous(1 << 16);

    /**
     * A sender.
     *
     * @param namespace  path of the network namespace that the TAP is in
     * @param address    of a host behind the TAP
     * @param frameBytes of each Ethernet frame
     */
    DatagramSender(String namespace, String address, int frameBytes) {
        int payloadBytes = frameBytes - HEADERS;
        datagrams = Math.min(MAX_DATAGRAMS, MAX_PAYLOAD / payloadBytes);
        bytes = datagrams * payloadBytes;
        try (Fd inside = NetworkNamespace.open(namespace)) {
            socket = NetworkNamespace.call(inside, () -> UdpSocket.connect(address, PORT));
        }
        // What the TAP has no room for is lost; this thread has better things to do than to wait for room.
        FileIo.setNonBlocking(socket, true);
        UdpSocket.segmentBytes(socket, payloadBytes);
    }

    /** One call; returns the datagrams that the kernel took. */
    int send() {
        long sent = FileIo.write(socket.value(), payload.address(), bytes);
        if (sent < 0 && sent != -Errno.EAGAIN && sent != -Errno.ENOBUFS) {
            throw new SyscallException("write of a UDP socket", (int) -sent);
        }
        return sent < 0 ? 0 : datagrams;
    }

    @Override
    public void close() {
        socket.close();
        payload.close();
    }
}
