package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.nio.charset.StandardCharsets;

/**
 * {@code struct ifreq}, see netdevice(7): the name of an interface and one value, which is as the request has it.
 *
 * <pre>
 *   0                 16                        40
 *   +-----------------+-------------------------+
 *   | ifr_name        | flags, mtu, address ... |
 *   +-----------------+-------------------------+
 * </pre>
 */
@CHeader({"sys/socket.h", "net/if.h"})
final class InterfaceRequest {
    static final int IFNAMSIZ = 16;

    static final StructLayout IFREQ = MemoryLayout.structLayout(
        MemoryLayout.sequenceLayout(IFNAMSIZ, JAVA_BYTE).withName("ifr_name"),
        MemoryLayout.sequenceLayout(24, JAVA_BYTE).withName("ifr_ifru")).withName("ifreq");

    private static final long VALUE = IFREQ.byteOffset(groupElement("ifr_ifru"));

    private InterfaceRequest() {
    }

    /** A request about an interface; an empty name lets the kernel choose where it can. */
    static MemorySegment of(String name, Arena arena) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= IFNAMSIZ) {
            throw new IllegalArgumentException(
                "an interface name has at most " + (IFNAMSIZ - 1) + " bytes: \"" + name + "\"");
        }
        MemorySegment request = arena.allocate(IFREQ.byteSize(), Long.BYTES);
        MemorySegment.copy(bytes, 0, request, JAVA_BYTE, 0, bytes.length);
        return request;
    }

    /** The value of a request: flags, a number or a socket address, from the first byte on. */
    static MemorySegment value(MemorySegment request) {
        return request.asSlice(VALUE);
    }

    /** The name in a request, which the kernel may have completed. */
    static String name(MemorySegment request) {
        return request.getString(0);
    }
}
