package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A socket that sends datagrams to one place over IPv4, see udp(7): with {@link FileIo#write}, one call each, or one
 * call for many of the same size.
 */
@CHeader("netinet/udp.h")
public final class UdpSocket {
    static final int SOL_UDP = 17;
    static final int UDP_SEGMENT = 103;

    private static final long PORT = NetDevice.SOCKADDR_IN.byteOffset(groupElement("sin_port"));

    private UdpSocket() {
    }

    /**
     * A socket in the network namespace of the calling thread.
     *
     * @param address where to, such as {@code 10.0.0.1}
     * @param port    where to
     */
    public static Fd connect(String address, int port) {
        Fd socket = Socket.open(Socket.AF_INET, Socket.SOCK_DGRAM);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(NetDevice.SOCKADDR_IN);
            NetDevice.internetAddress(name, address);
            name.set(JAVA_SHORT, PORT, Short.reverseBytes((short) port));
            SyscallException.check(socket.use(fd -> Socket.connect(fd, name)), "connect(" + address + ")");
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /**
     * From now on what is written is cut into datagrams of so many bytes, the last one what is left: the kernel
     * carries them as one as far as it can. Up to 64 of them in a call, and each within the MTU.
     *
     * @param payloadBytes of a datagram; 0: each call is one datagram again
     */
    public static void segmentBytes(Fd socket, int payloadBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(JAVA_INT, payloadBytes);
            SyscallException.check(socket.use(fd -> Socket.setOption(fd, SOL_UDP, UDP_SEGMENT, value.address(),
                Integer.BYTES)), "setsockopt(UDP_SEGMENT)");
        }
    }
}
