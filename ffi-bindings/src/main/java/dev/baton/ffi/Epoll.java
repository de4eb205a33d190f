package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.Objects;

/** Waits for many descriptors at once, see epoll(7). Waiting belongs to one thread; changes may come from others. */
@CHeader(value = "sys/epoll.h", prefix = "EPOLL")
public final class Epoll implements AutoCloseable {
    /** There is something to read. */
    public static final int IN = 0x1;
    /** There is room to write. */
    public static final int OUT = 0x4;
    /** An error; always reported. */
    public static final int ERR = 0x8;
    /** Hang-up; always reported. */
    public static final int HUP = 0x10;
    /** The peer closed its sending side. */
    public static final int RDHUP = 0x2000;
    /** Report once, then nothing until {@link #modify}. */
    public static final int ONESHOT = 0x40000000;
    /** Edge-triggered: report changes only. */
    public static final int ET = 0x80000000;

    @CName("EPOLL_CLOEXEC")
    static final int CLOEXEC = 0x80000;
    @CName("EPOLL_CTL_ADD")
    static final int CTL_ADD = 1;
    @CName("EPOLL_CTL_DEL")
    static final int CTL_DEL = 2;
    @CName("EPOLL_CTL_MOD")
    static final int CTL_MOD = 3;

    /** Packed on x86-64, and only there. */
    static final StructLayout EPOLL_EVENT = System.getProperty("os.arch", "").equals("amd64")
        ? MemoryLayout.structLayout(
            JAVA_INT.withName("events"), JAVA_LONG_UNALIGNED.withName("data")).withName("epoll_event")
        : MemoryLayout.structLayout(
            JAVA_INT.withName("events"), MemoryLayout.paddingLayout(4), JAVA_LONG.withName("data"))
            .withName("epoll_event");

    private static final int DEFAULT_EVENTS = 64;
    private static final long EVENT_BYTES = EPOLL_EVENT.byteSize();
    private static final long DATA = EPOLL_EVENT.byteOffset(groupElement("data"));

    private static final MethodHandle EPOLL_CREATE1 = Native.function("epoll_create1", JAVA_INT, JAVA_INT);
    private static final MethodHandle EPOLL_CTL =
        Native.function("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle EPOLL_WAIT =
        Native.plain("epoll_wait", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle FAILED_EPOLL_WAIT =
        Native.function("epoll_wait", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);

    private final Fd fd;
    private final int maxEvents;
    private final MemorySegment ready;
    private int readyCount;

    private Epoll(Fd fd, int maxEvents) {
        this.fd = fd;
        this.maxEvents = maxEvents;
        this.ready = Arena.ofAuto().allocate(EVENT_BYTES * maxEvents, Long.BYTES);
    }

    /** An instance that reports up to 64 descriptors at a time. */
    public static Epoll create() {
        return create(DEFAULT_EVENTS);
    }

    /** An instance that reports up to {@code maxEvents} descriptors at a time; others are reported the next time. */
    public static Epoll create(int maxEvents) {
        return new Epoll(Fd.adopt(SyscallException.check(epollCreate(CLOEXEC), "epoll_create1")), maxEvents);
    }

    /** The descriptor of the instance itself, still owned by it. */
    public Fd fd() {
        return fd;
    }

    /**
     * Begins to watch a descriptor.
     *
     * @param watched the descriptor; closing its last duplicate ends the watch
     * @param events  {@link #IN}, {@link #OUT} and so on
     * @param data    comes back with each report
     */
    public void add(Fd watched, int events, long data) {
        SyscallException.check(watched.use(number -> control(CTL_ADD, number, events, data)), "epoll_ctl(ADD)");
    }

    /** Changes what is watched for. */
    public void modify(Fd watched, int events, long data) {
        SyscallException.check(watched.use(number -> control(CTL_MOD, number, events, data)), "epoll_ctl(MOD)");
    }

    /** Ends the watch. */
    public void remove(Fd watched) {
        SyscallException.check(watched.use(number -> control(CTL_DEL, number, 0, 0)), "epoll_ctl(DEL)");
    }

    /**
     * Waits until a watched descriptor is ready. Allocates nothing.
     *
     * @param timeoutMs milliseconds to wait at most, 0 to look only, negative for ever
     * @return number of reports; 0 if time ran out or a signal came
     */
    public int await(int timeoutMs) {
        int epoll = fd.borrow();
        int result;
        try {
            result = epollWait(epoll, ready.address(), maxEvents, timeoutMs);
        } finally {
            fd.giveBack();
            Reference.reachabilityFence(this);
        }
        readyCount = 0;
        if (result < 0) {
            if (result == -Errno.EINTR) {
                return 0;
            }
            throw new SyscallException("epoll_wait", -result);
        }
        readyCount = result;
        return result;
    }

    /** What was said to {@link #add} about the descriptor of a report. */
    public long data(int index) {
        return ready.get(JAVA_LONG_UNALIGNED, Objects.checkIndex(index, readyCount) * EVENT_BYTES + DATA);
    }

    /** What a report says. */
    public int events(int index) {
        return ready.get(JAVA_INT, Objects.checkIndex(index, readyCount) * EVENT_BYTES);
    }

    @Override
    public void close() {
        fd.close();
    }

    private long control(int operation, int watched, int events, long data) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = arena.allocate(EPOLL_EVENT);
            event.set(JAVA_INT, 0, events);
            event.set(JAVA_LONG_UNALIGNED, DATA, data);
            return fd.use(epoll -> epollCtl(epoll, operation, watched, event.address()));
        }
    }

    private static int epollCreate(int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) EPOLL_CREATE1.invokeExact(state, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int epollCtl(int epoll, int operation, int fd, long event) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) EPOLL_CTL.invokeExact(state, epoll, operation, fd, event), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int epollWait(int epoll, long events, int maxEvents, int timeoutMs) {
        int result;
        try {
            result = (int) EPOLL_WAIT.invokeExact(epoll, events, maxEvents, timeoutMs);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
        return result == -1 ? failedEpollWait(epoll, events, maxEvents, timeoutMs) : result;
    }

    /** Why a wait ended early: a signal, or else what a second attempt says, which keeps its errno. */
    private static int failedEpollWait(int epoll, long events, int maxEvents, int timeoutMs) {
        if (Native.errno() == Errno.EINTR) {
            return -Errno.EINTR;
        }
        MemorySegment state = Native.state();
        try {
            return Native.result(
                (int) FAILED_EPOLL_WAIT.invokeExact(state, epoll, events, maxEvents, timeoutMs), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
