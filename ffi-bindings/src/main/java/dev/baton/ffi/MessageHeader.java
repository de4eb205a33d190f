package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * What sendmsg(2) and recvmsg(2) take: a message header, one iovec, and one control message full of descriptors.
 *
 * <pre>
 *   +--------------------------- msghdr, 56 bytes ----------------------------+
 *   | name, namelen | iov, iovlen | control, controllen | flags               |
 *   +----------------------|---------------|----------------------------------+
 *                          v               v
 *                    +-- iovec --+   +---- cmsghdr ----+----------------------+
 *                    | base, len |   | len,level,type  | int descriptors[...] |
 *                    +-----------+   +-----------------+----------------------+
 * </pre>
 */
@CHeader({"sys/socket.h", "sys/uio.h"})
final class MessageHeader {
    static final int SCM_RIGHTS = 1;
    static final int MSG_CTRUNC = 0x8;
    static final int MSG_DONTWAIT = 0x40;
    static final int MSG_NOSIGNAL = 0x4000;
    static final int MSG_CMSG_CLOEXEC = 0x40000000;

    static final StructLayout MSGHDR = MemoryLayout.structLayout(
        JAVA_LONG.withName("msg_name"),
        JAVA_INT.withName("msg_namelen"),
        MemoryLayout.paddingLayout(4),
        JAVA_LONG.withName("msg_iov"),
        JAVA_LONG.withName("msg_iovlen"),
        JAVA_LONG.withName("msg_control"),
        JAVA_LONG.withName("msg_controllen"),
        JAVA_INT.withName("msg_flags"),
        MemoryLayout.paddingLayout(4)).withName("msghdr");

    static final StructLayout CMSGHDR = MemoryLayout.structLayout(
        JAVA_LONG.withName("cmsg_len"),
        JAVA_INT.withName("cmsg_level"),
        JAVA_INT.withName("cmsg_type")).withName("cmsghdr");

    private static final long MSG_IOV = MSGHDR.byteOffset(groupElement("msg_iov"));
    private static final long MSG_IOVLEN = MSGHDR.byteOffset(groupElement("msg_iovlen"));
    private static final long MSG_CONTROL = MSGHDR.byteOffset(groupElement("msg_control"));
    private static final long MSG_CONTROLLEN = MSGHDR.byteOffset(groupElement("msg_controllen"));
    private static final long MSG_FLAGS = MSGHDR.byteOffset(groupElement("msg_flags"));
    private static final long CMSG_LEVEL = CMSGHDR.byteOffset(groupElement("cmsg_level"));
    private static final long CMSG_TYPE = CMSGHDR.byteOffset(groupElement("cmsg_type"));
    private static final long CMSG_DATA = CMSGHDR.byteSize();
    private static final long ALIGNMENT = 8;

    private static final MethodHandle SENDMSG = Native.function("sendmsg", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle RECVMSG = Native.function("recvmsg", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT);

    private final int room;
    private final MemorySegment header;
    private final MemorySegment iovec;
    private final MemorySegment control;

    /** A header with room for so many descriptors. */
    MessageHeader(Arena arena, int room) {
        this.room = room;
        header = arena.allocate(MSGHDR);
        iovec = arena.allocate(IovecArray.IOVEC);
        control = arena.allocate(CMSG_DATA + (long) room * Integer.BYTES + ALIGNMENT, ALIGNMENT);
    }

    /** {@code sendmsg}: bytes taken, or negative errno. */
    long send(int socket, long address, long length, int[] fds, int from, int count, int flags) {
        point(address, length, count);
        control.set(JAVA_LONG, 0, CMSG_DATA + (long) count * Integer.BYTES);
        control.set(JAVA_INT, CMSG_LEVEL, Socket.SOL_SOCKET);
        control.set(JAVA_INT, CMSG_TYPE, SCM_RIGHTS);
        MemorySegment.copy(fds, from, control, JAVA_INT, CMSG_DATA, count);
        long result;
        do {
            result = sendmsg(socket, header.address(), flags | MSG_NOSIGNAL);
        } while (result == -Errno.EINTR);
        return result;
    }

    /** {@code recvmsg}: bytes that came, 0 at the end, or negative errno. */
    long receive(int socket, long address, long length, int flags) {
        long result;
        do {
            point(address, length, room);
            result = recvmsg(socket, header.address(), flags | MSG_CMSG_CLOEXEC);
        } while (result == -Errno.EINTR);
        return result;
    }

    /** Whether the last message brought more than there was room for. */
    boolean truncated() {
        return (header.get(JAVA_INT, MSG_FLAGS) & MSG_CTRUNC) != 0;
    }

    /** The descriptors that the last message brought; nobody owns them yet. */
    int[] received() {
        long length = header.get(JAVA_LONG, MSG_CONTROLLEN);
        int count = 0;
        int[] fds = new int[room + 1];
        long at = 0;
        while (at + CMSG_DATA <= length && control.get(JAVA_LONG, at) >= CMSG_DATA) {
            long end = Math.min(at + control.get(JAVA_LONG, at), length);
            if (control.get(JAVA_INT, at + CMSG_LEVEL) == Socket.SOL_SOCKET
                && control.get(JAVA_INT, at + CMSG_TYPE) == SCM_RIGHTS) {
                for (long fd = at + CMSG_DATA; fd + Integer.BYTES <= end; fd += Integer.BYTES) {
                    fds[count++] = control.get(JAVA_INT, fd);
                }
            }
            at = end + (-end & (ALIGNMENT - 1));
        }
        return Arrays.copyOf(fds, count);
    }

    private void point(long address, long length, int descriptors) {
        iovec.set(JAVA_LONG, 0, address);
        iovec.set(JAVA_LONG, Long.BYTES, length);
        header.set(JAVA_LONG, MSG_IOV, iovec.address());
        header.set(JAVA_LONG, MSG_IOVLEN, 1);
        header.set(JAVA_LONG, MSG_CONTROL, descriptors == 0 ? 0 : control.address());
        header.set(JAVA_LONG, MSG_CONTROLLEN, descriptors == 0 ? 0 : CMSG_DATA + (long) descriptors * Integer.BYTES);
        header.set(JAVA_INT, MSG_FLAGS, 0);
    }

    private static long sendmsg(int fd, long message, int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((long) SENDMSG.invokeExact(state, fd, message, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static long recvmsg(int fd, long message, int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((long) RECVMSG.invokeExact(state, fd, message, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
