package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.function.Supplier;

/**
 * Network namespaces, see setns(2) and network_namespaces(7). A namespace belongs to a thread, so that only platform
 * threads can enter one: a virtual thread would leave its carrier there.
 */
@CHeader(value = "sched.h")
public final class NetworkNamespace {
    static final int CLONE_NEWNET = 0x40000000;

    private static final String CURRENT = "/proc/thread-self/ns/net";
    private static final String NAMED = "/run/netns/";

    private static final MethodHandle SETNS = Native.function("setns", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle UNSHARE = Native.function("unshare", JAVA_INT, JAVA_INT);

    private NetworkNamespace() {
    }

    /** The namespace of the calling thread; the descriptor keeps it alive. */
    public static Fd openCurrent() {
        return FileIo.open(CURRENT, FileIo.O_RDONLY, 0);
    }

    /** A namespace by the name that {@code ip netns} knows it by, or by the path of its file. */
    public static Fd open(String nameOrPath) {
        return FileIo.open(nameOrPath.contains("/") ? nameOrPath : NAMED + nameOrPath, FileIo.O_RDONLY, 0);
    }

    /** A fresh, empty namespace without a name; it goes when the descriptor and all that is in it have gone. */
    public static Fd create() {
        requirePlatformThread();
        try (Fd before = openCurrent()) {
            unshare();
            try {
                return openCurrent();
            } finally {
                enter(before);
            }
        }
    }

    /** Moves the calling thread into a namespace. */
    public static void enter(Fd namespace) {
        requirePlatformThread();
        SyscallException.check(namespace.use(fd -> setns(fd, CLONE_NEWNET)), "setns(CLONE_NEWNET)");
    }

    /** Moves the calling thread into a fresh, empty namespace. */
    public static void unshare() {
        requirePlatformThread();
        SyscallException.check(unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
    }

    /**
     * Does something inside a namespace, on the calling thread, which is always brought back.
     *
     * @param namespace the namespace
     * @param action    what to do there
     * @param <T>       type of its result
     * @return its result
     */
    public static <T> T call(Fd namespace, Supplier<T> action) {
        try (Fd before = openCurrent()) {
            enter(namespace);
            try {
                return action.get();
            } finally {
                enter(before);
            }
        }
    }

    private static void requirePlatformThread() {
        if (Thread.currentThread().isVirtual()) {
            throw new IllegalStateException("a virtual thread cannot change its network namespace");
        }
    }

    private static int setns(int fd, int type) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) SETNS.invokeExact(state, fd, type), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int unshare(int flags) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) UNSHARE.invokeExact(state, flags), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
