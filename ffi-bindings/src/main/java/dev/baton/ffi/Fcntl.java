package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** fcntl(2), the raw call and its commands. */
@CHeader(value = "linux/fcntl.h", mayLack = "F_DUPFD_QUERY")
final class Fcntl {
    static final int F_GETFD = 1;
    static final int F_GETFL = 3;
    static final int F_SETFL = 4;
    static final int F_DUPFD_QUERY = 1027;
    static final int F_DUPFD_CLOEXEC = 1030;
    static final int F_ADD_SEALS = 1033;
    static final int F_GET_SEALS = 1034;
    static final int FD_CLOEXEC = 1;

    private static final MethodHandle FCNTL = Native.variadic("fcntl", 2, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);

    private Fcntl() {
    }

    /** {@code int fcntl(int fd, int cmd, ... arg)}. */
    static int fcntl(int fd, int command, long argument) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) FCNTL.invokeExact(state, fd, command, argument), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
