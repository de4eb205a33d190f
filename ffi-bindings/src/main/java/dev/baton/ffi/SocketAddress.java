package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * {@code struct sockaddr_un}, see unix(7): a family and a path of at most 107 bytes, or an abstract name, which is no
 * file and begins with a zero byte. The length of the address says how long an abstract name is.
 */
@CHeader({"sys/socket.h", "sys/un.h"})
final class SocketAddress {
    static final int AF_UNIX = 1;

    static final StructLayout SOCKADDR_UN = MemoryLayout.structLayout(
        JAVA_SHORT.withName("sun_family"),
        MemoryLayout.sequenceLayout(108, JAVA_BYTE).withName("sun_path")).withName("sockaddr_un");

    private static final long PATH_OFFSET = SOCKADDR_UN.byteOffset(groupElement("sun_path"));
    private static final int PATH_LIMIT = 107;

    private SocketAddress() {
    }

    static MemorySegment of(Path path, SegmentAllocator allocator) {
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        if (name.length == 0 || name.length > PATH_LIMIT) {
            throw new IllegalArgumentException(
                "a socket path has 1 to " + PATH_LIMIT + " bytes, this one " + name.length + ": " + path);
        }
        MemorySegment address = allocator.allocate(SOCKADDR_UN);
        address.set(JAVA_SHORT, 0, (short) AF_UNIX);
        MemorySegment.copy(name, 0, address, JAVA_BYTE, PATH_OFFSET, name.length);
        return address;
    }

    /** An address without a name: the kernel chooses an abstract one for a socket that is bound to it. */
    static MemorySegment unnamed(SegmentAllocator allocator) {
        MemorySegment address = allocator.allocate(JAVA_SHORT);
        address.set(JAVA_SHORT, 0, (short) AF_UNIX);
        return address;
    }

    /** Asks for an address: of as many bytes as the kernel says that it has. */
    static MemorySegment ask(Fd socket, Arena arena, Question question, String call) {
        MemorySegment address = arena.allocate(SOCKADDR_UN);
        MemorySegment length = arena.allocateFrom(JAVA_INT, (int) SOCKADDR_UN.byteSize());
        SyscallException.check(socket.use(fd -> question.ask(fd, address.address(), length.address())), call);
        return address.asSlice(0, Math.min(length.get(JAVA_INT, 0), SOCKADDR_UN.byteSize()));
    }

    /** Whether an address is an abstract name, which no two sockets have at the same time. */
    static boolean isAbstract(MemorySegment address) {
        return address.byteSize() > PATH_OFFSET
            && address.get(JAVA_SHORT, 0) == AF_UNIX && address.get(JAVA_BYTE, PATH_OFFSET) == 0;
    }

    /** getsockname(2) or getpeername(2). */
    @FunctionalInterface
    interface Question {
        int ask(int fd, long address, long length);
    }
}
