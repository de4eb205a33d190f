package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The raw calls of socket(2), bind(2), listen(2), accept(2), connect(2), socketpair(2), getsockname(2), getpeername(2),
 * getsockopt(2), setsockopt(2), shutdown(2).
 */
@CHeader({"sys/socket.h", "netinet/in.h"})
final class Socket {
    static final int AF_INET = 2;
    static final int AF_PACKET = 17;
    static final int SOCK_STREAM = 1;
    static final int SOCK_DGRAM = 2;
    static final int SOCK_RAW = 3;
    static final int SOCK_SEQPACKET = 5;
    static final int SOCK_NONBLOCK = 0x800;
    static final int SOCK_CLOEXEC = 0x80000;
    static final int SOL_SOCKET = 1;
    static final int SO_TYPE = 3;
    static final int SO_SNDBUF = 7;
    static final int SO_PEERCRED = 17;
    static final int SO_RCVBUFFORCE = 33;
    static final int SO_DOMAIN = 39;
    static final int SHUT_RDWR = 2;

    private static final MethodHandle SOCKET = Native.function("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle BIND = Native.function("bind", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle LISTEN = Native.function("listen", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle CONNECT = Native.function("connect", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle ACCEPT4 =
        Native.function("accept4", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SOCKETPAIR =
        Native.function("socketpair", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle GETSOCKOPT =
        Native.function("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SETSOCKOPT =
        Native.function("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETSOCKNAME =
        Native.function("getsockname", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle GETPEERNAME =
        Native.function("getpeername", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);

    private static final MethodHandle SHUTDOWN = Native.function("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);

    private Socket() {
    }

    static Fd open(int domain, int type) {
        return Fd.adopt(SyscallException.check(socket(domain, type | SOCK_CLOEXEC, 0), "socket"));
    }

    private static int socket(int domain, int type, int protocol) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SOCKET.invokeExact(state, domain, type, protocol), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int bind(int fd, MemorySegment address) {
        MemorySegment state = Native.state();
        try {
            return Native.result(
                (int) BIND.invokeExact(state, fd, address.address(), (int) address.byteSize()), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int shutdown(int fd, int how) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SHUTDOWN.invokeExact(state, fd, how), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int listen(int fd, int backlog) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) LISTEN.invokeExact(state, fd, backlog), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int connect(int fd, MemorySegment address) {
        MemorySegment state = Native.state();
        try {
            return Native.result(
                (int) CONNECT.invokeExact(state, fd, address.address(), (int) address.byteSize()), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int accept(int fd, int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) ACCEPT4.invokeExact(state, fd, 0L, 0L, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /** Leaves the two descriptors at {@code pair}. */
    static int pair(int domain, int type, long pair) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SOCKETPAIR.invokeExact(state, domain, type, 0, pair), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int option(int fd, int level, int name, long value, long length) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) GETSOCKOPT.invokeExact(state, fd, level, name, value, length), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    static int setOption(int fd, int level, int name, long value, int length) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SETSOCKOPT.invokeExact(state, fd, level, name, value, length), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /** Leaves at {@code length} how long the address is, which is more than was stored where there was no room. */
    static int name(int fd, long address, long length) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) GETSOCKNAME.invokeExact(state, fd, address, length), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /** {@link #name} of the other end; -ENOTCONN if there is none. */
    static int peerName(int fd, long address, long length) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) GETPEERNAME.invokeExact(state, fd, address, length), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
