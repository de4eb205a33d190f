package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** {@code struct sockaddr_un}, see unix(7): a family and a path of at most 107 bytes. */
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
}
