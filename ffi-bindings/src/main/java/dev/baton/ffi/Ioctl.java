package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * ioctl(2) and the numbers of its requests, made as {@code asm-generic/ioctl.h} makes them.
 *
 * <pre>
 *   31 30 29             16 15      8 7       0
 *   +----+-----------------+---------+---------+
 *   | dir| size of argument|  type   | number  |
 *   +----+-----------------+---------+---------+
 * </pre>
 */
@CHeader(value = "sys/ioctl.h", prefix = "_IOC_")
final class Ioctl {
    static final int WRITE = 1;
    static final int READ = 2;
    static final int TYPESHIFT = 8;
    static final int SIZESHIFT = 16;
    static final int DIRSHIFT = 30;

    private static final MethodHandle IOCTL = Native.variadic("ioctl", 2, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);

    private Ioctl() {
    }

    /** {@code _IOW}: the caller writes, the kernel reads. */
    static long write(char type, int number, int size) {
        return request(WRITE, type, number, size);
    }

    /** {@code _IOR}: the kernel writes, the caller reads. */
    static long read(char type, int number, int size) {
        return request(READ, type, number, size);
    }

    /** {@code _IO}: the argument is not a pointer. */
    static long plain(char type, int number) {
        return request(0, type, number, 0);
    }

    private static long request(int direction, char type, int number, int size) {
        return ((long) direction << DIRSHIFT) | ((long) size << SIZESHIFT) | ((long) type << TYPESHIFT) | number;
    }

    /** {@code int ioctl(int fd, unsigned long request, ... argument)}. */
    static int ioctl(int fd, long request, long argument) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) IOCTL.invokeExact(state, fd, request, argument), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    /** A request whose argument is a number or a pointer; {@code name} is for the exception. */
    static void call(Fd fd, String name, long request, long argument) {
        SyscallException.check(fd.use(file -> ioctl(file, request, argument)), "ioctl(" + name + ")");
    }

    /** A request whose argument is a pointer to an {@code int} to be read by the kernel. */
    static void set(Fd fd, String name, long request, int value) {
        long argument = Native.scratch();
        RawMemory.putInt(argument, value);
        call(fd, name, request, argument);
    }

    /** A request whose argument is a pointer to an {@code int} to be written by the kernel. */
    static int get(Fd fd, String name, long request) {
        long argument = Native.scratch();
        RawMemory.putInt(argument, 0);
        call(fd, name, request, argument);
        return RawMemory.getInt(argument);
    }
}
