package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** A counter to wake somebody by, see eventfd(2): kick, call and err of a virtqueue. */
@CHeader("sys/eventfd.h")
public final class EventFd implements AutoCloseable {
    static final int EFD_NONBLOCK = 0x800;
    static final int EFD_CLOEXEC = 0x80000;

    private static final MethodHandle EVENTFD = Native.function("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);

    private static final int IOVEC_BYTES = (int) IovecArray.IOVEC.byteSize();

    /** Address of a 64-bit 1, which is never freed. */
    private static final long ONE = one();

    private final Fd fd;

    private EventFd(Fd fd) {
        this.fd = fd;
    }

    /** A fresh counter at 0, not blocking, close-on-exec. */
    public static EventFd create() {
        int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        return adopt(Fd.adopt(SyscallException.check(fd, "eventfd")));
    }

    /** Takes ownership of a descriptor that somebody else made; nothing is set on it. */
    public static EventFd adopt(Fd fd) {
        return new EventFd(fd);
    }

    /** The descriptor, still owned by this object. */
    public Fd fd() {
        return fd;
    }

    /** Adds 1: who waits for the counter wakes up. A counter that is full says all that there is to say. */
    public void signal() {
        long result = fd.use(EventFd::signal);
        if (result != -Errno.EAGAIN) {
            SyscallException.check(result, "write(eventfd)");
        }
    }

    /**
     * Reads the counter and sets it to 0.
     *
     * @return how often it was signalled; 0 if it was not
     */
    public long drain() {
        long result = fd.use(EventFd::drain);
        return result == -Errno.EAGAIN ? 0 : SyscallException.check(result, "read(eventfd)");
    }

    /** Hot: adds 1. Returns 0 or more, or negative errno. */
    public static int signal(int fd) {
        return (int) FileIo.write(fd, ONE, Long.BYTES);
    }

    /**
     * Hot: reads the counter and sets it to 0. Returns it, or negative errno; EAGAIN if it was 0, also where who holds
     * the other end has taken O_NONBLOCK away (Linux 5.8; before, the read waits there). The other end can put the
     * unsigned counter above what a {@code long} holds: that is returned as the largest one, not as an error.
     */
    public static long drain(int fd) {
        long counter = Native.scratch() + IOVEC_BYTES;
        long result = read(fd, counter);
        if (result < 0) {
            return result;
        }
        long signals = RawMemory.getLong(counter);
        return signals < 0 ? Long.MAX_VALUE : signals;
    }

    private static long read(int fd, long counter) {
        long entry = counter - IOVEC_BYTES;
        RawMemory.putLong(entry, counter);
        RawMemory.putLong(entry + Long.BYTES, Long.BYTES);
        long result = FileIo.readvNoWait(fd, entry, 1);
        return result == -Errno.EOPNOTSUPP ? FileIo.read(fd, counter, Long.BYTES) : result;
    }

    @Override
    public void close() {
        fd.close();
    }

    private static long one() {
        long address = Arena.global().allocate(Long.BYTES, Long.BYTES).address();
        RawMemory.putLong(address, 1);
        return address;
    }

    private static int eventfd(int initial, int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) EVENTFD.invokeExact(state, initial, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
