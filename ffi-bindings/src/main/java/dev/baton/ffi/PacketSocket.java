package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/** A socket for whole Ethernet frames of one interface, see packet(7); needs CAP_NET_RAW. */
@CHeader("linux/if_packet.h")
public final class PacketSocket {
    static final StructLayout SOCKADDR_LL = MemoryLayout.structLayout(
        JAVA_SHORT.withName("sll_family"),
        JAVA_SHORT.withName("sll_protocol"),
        JAVA_INT.withName("sll_ifindex"),
        JAVA_SHORT.withName("sll_hatype"),
        JAVA_BYTE.withName("sll_pkttype"),
        JAVA_BYTE.withName("sll_halen"),
        MemoryLayout.sequenceLayout(8, JAVA_BYTE).withName("sll_addr")).withName("sockaddr_ll");

    private static final long FAMILY = SOCKADDR_LL.byteOffset(groupElement("sll_family"));
    private static final long PROTOCOL = SOCKADDR_LL.byteOffset(groupElement("sll_protocol"));
    private static final long INTERFACE = SOCKADDR_LL.byteOffset(groupElement("sll_ifindex"));

    private PacketSocket() {
    }

    /**
     * A socket that does not block, from and to which frames of an interface are read and written one by one.
     *
     * @param interfaceName      in the network namespace of the calling thread
     * @param etherType          of the frames that are received, such as 0x88b5; others are sent all the same
     * @param receiveBufferBytes how much may wait, with what the kernel needs to keep it; needs CAP_NET_ADMIN
     */
    public static Fd open(String interfaceName, int etherType, int receiveBufferBytes) {
        // Without a protocol until it is bound: frames of other interfaces would come in between.
        Fd socket = Socket.open(Socket.AF_PACKET, Socket.SOCK_RAW | Socket.SOCK_NONBLOCK);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocateFrom(JAVA_INT, receiveBufferBytes);
            SyscallException.check(socket.use(fd -> Socket.setOption(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUFFORCE,
                buffer.address(), Integer.BYTES)), "setsockopt(SO_RCVBUFFORCE)");
            MemorySegment address = arena.allocate(SOCKADDR_LL);
            address.set(JAVA_SHORT, FAMILY, (short) Socket.AF_PACKET);
            address.set(JAVA_SHORT, PROTOCOL, Short.reverseBytes((short) etherType));
            address.set(JAVA_INT, INTERFACE, NetDevice.index(interfaceName));
            SyscallException.check(socket.use(fd -> Socket.bind(fd, address)), "bind(" + interfaceName + ")");
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }
}
