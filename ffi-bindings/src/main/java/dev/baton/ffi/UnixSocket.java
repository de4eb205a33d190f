package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Sockets with a path in the file system, and pairs of connected ones, see unix(7). All are close-on-exec. */
@CHeader(value = "sys/socket.h", prefix = "SOCK_")
public final class UnixSocket {
    /** A stream of bytes. */
    public static final int STREAM = Socket.SOCK_STREAM;
    /** Messages without a connection. */
    public static final int DGRAM = Socket.SOCK_DGRAM;
    /** Messages over a connection. */
    public static final int SEQPACKET = Socket.SOCK_SEQPACKET;

    /** The domain of these sockets. */
    @CName("AF_UNIX")
    public static final int DOMAIN = SocketAddress.AF_UNIX;

    static final StructLayout UCRED = MemoryLayout.structLayout(
        JAVA_INT.withName("pid"), JAVA_INT.withName("uid"), JAVA_INT.withName("gid")).withName("ucred");

    private static final MethodHandle FCHMOD = Native.function("fchmod", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle CHMOD = Native.function("chmod", JAVA_INT, JAVA_LONG, JAVA_INT);

    private UnixSocket() {
    }

    /**
     * A socket that others connect to.
     *
     * <p>At no moment does the file give more rights than {@code mode}: the socket gets them before its file exists,
     * the umask can only take some away, and what it took is given back before anybody can connect.
     *
     * @param path    the file to make; a path that exists is refused with EADDRINUSE
     * @param type    {@link #STREAM} or {@link #SEQPACKET}, or {@link #DGRAM}, which needs no {@code accept}
     * @param mode    permissions of the file, such as {@code 0600}
     * @param backlog connections that wait to be accepted at the same time
     * @return the listening socket
     */
    public static Fd listen(Path path, int type, int mode, int backlog) {
        Fd socket = Socket.open(SocketAddress.AF_UNIX, type);
        boolean bound = false;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = SocketAddress.of(path, arena);
            SyscallException.check(socket.use(fd -> fchmod(fd, mode)), "fchmod(socket)");
            SyscallException.check(socket.use(fd -> Socket.bind(fd, address)), "bind(\"" + path + "\")");
            bound = true;
            SyscallException.check(chmod(arena.allocateFrom(path.toString()).address(), mode), "chmod(" + path + ")");
            if (type != DGRAM) {
                SyscallException.check(socket.use(fd -> Socket.listen(fd, backlog)), "listen(\"" + path + "\")");
            }
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            if (bound) {
                delete(path);
            }
            throw e;
        }
    }

    /** {@link #connect(Path, int, boolean)} that waits. */
    public static Fd connect(Path path, int type) {
        return connect(path, type, false);
    }

    /**
     * Connects to a listening socket.
     *
     * @param path        its file
     * @param type        its type
     * @param nonBlocking fail with EAGAIN where the listener's backlog is full, and return a non-blocking socket
     * @return the connected socket
     */
    public static Fd connect(Path path, int type, boolean nonBlocking) {
        Fd socket = Socket.open(SocketAddress.AF_UNIX, nonBlocking ? type | Socket.SOCK_NONBLOCK : type);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = SocketAddress.of(path, arena);
            long result;
            do {
                result = socket.use(fd -> Socket.connect(fd, address));
            } while (result == -Errno.EINTR);
            SyscallException.check(result, "connect(\"" + path + "\")");
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /**
     * Removes the file of a socket whose listener has gone: one that refuses connections.
     *
     * @param path the file
     * @param type type of the socket
     * @return whether the path is free now
     */
    public static boolean removeStale(Path path, int type) {
        if (!Files.exists(path)) {
            return true;
        }
        try {
            connect(path, type, true).close();
            return false;
        } catch (SyscallException e) {
            if (e.errno() == Errno.ECONNREFUSED && isSocket(path)) {
                delete(path);
                return true;
            }
            return false;
        }
    }

    /**
     * The next connection.
     *
     * @param listener    listening socket
     * @param nonBlocking whether calls on the connection return EAGAIN instead of waiting
     * @return the connection, or null if the listener does not wait and nobody is there
     */
    public static @Nullable Fd accept(Fd listener, boolean nonBlocking) {
        int flags = nonBlocking ? Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK : Socket.SOCK_CLOEXEC;
        long result;
        do {
            result = listener.use(fd -> Socket.accept(fd, flags));
        } while (result == -Errno.EINTR || result == -Errno.ECONNABORTED);
        if (result == -Errno.EAGAIN) {
            return null;
        }
        return Fd.adopt((int) SyscallException.check(result, "accept"));
    }

    /** Two sockets, connected to each other. */
    public static Fd[] pair(int type) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pair = arena.allocate(JAVA_INT, 2);
            SyscallException.check(
                Socket.pair(SocketAddress.AF_UNIX, type | Socket.SOCK_CLOEXEC, pair.address()), "socketpair");
            return new Fd[] {Fd.adopt(pair.getAtIndex(JAVA_INT, 0)), Fd.adopt(pair.getAtIndex(JAVA_INT, 1))};
        }
    }

    /**
     * Ends a connection for both sides, whoever else holds a descriptor of this socket: the other end reads what lies
     * there already, and then the end of the stream. A socket that is not connected any more stays as it is.
     */
    public static void shutdown(Fd connection) {
        long result = connection.use(fd -> Socket.shutdown(fd, Socket.SHUT_RDWR));
        if (result != -Errno.ENOTCONN) {
            SyscallException.check(result, "shutdown");
        }
    }

    /** Who is at the other end of a connection. */
    public static PeerCredentials peerCredentials(Fd connection) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ucred = arena.allocate(UCRED);
            MemorySegment length = arena.allocateFrom(JAVA_INT, (int) UCRED.byteSize());
            SyscallException.check(connection.use(fd -> Socket.option(
                fd, Socket.SOL_SOCKET, Socket.SO_PEERCRED, ucred.address(), length.address())),
                "getsockopt(SO_PEERCRED)");
            return new PeerCredentials(
                ucred.get(JAVA_INT, UCRED.byteOffset(groupElement("pid"))),
                ucred.get(JAVA_INT, UCRED.byteOffset(groupElement("uid"))),
                ucred.get(JAVA_INT, UCRED.byteOffset(groupElement("gid"))));
        }
    }

    /**
     * The domain of a socket, such as {@link #DOMAIN}.
     *
     * @throws SyscallException ENOTSOCK when the descriptor is no socket
     */
    public static int domain(Fd socket) {
        return option(socket, Socket.SO_DOMAIN, "SO_DOMAIN");
    }

    /**
     * The type of a socket, such as {@link #STREAM}.
     *
     * @throws SyscallException ENOTSOCK when the descriptor is no socket
     */
    public static int type(Fd socket) {
        return option(socket, Socket.SO_TYPE, "SO_TYPE");
    }

    /** Whether a descriptor is a UNIX socket, over which descriptors can be passed. One that is no socket is not. */
    public static boolean isUnix(Fd fd) {
        return FileIo.isSocket(fd) && domain(fd) == DOMAIN;
    }

    /** Whether a descriptor is a socket, of whatever domain, that moves a stream of bytes. */
    public static boolean isStream(Fd fd) {
        return FileIo.isSocket(fd) && type(fd) == STREAM;
    }

    /** Whether a descriptor is a socket, of whatever domain, that moves messages without a connection. */
    public static boolean isDatagram(Fd fd) {
        return FileIo.isSocket(fd) && type(fd) == DGRAM;
    }

    /**
     * Bytes that may wait to be received, with what the kernel needs to keep them; a datagram that is longer than this
     * less 32 is refused with EMSGSIZE.
     */
    public static int sendBuffer(Fd socket) {
        return option(socket, Socket.SO_SNDBUF, "SO_SNDBUF");
    }

    /**
     * Sets {@link #sendBuffer(Fd)}, for all who share the socket. The kernel doubles the number, and without a word
     * takes its limit, {@code net.core.wmem_max}, for one above it.
     */
    public static void sendBuffer(Fd socket, int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(JAVA_INT, bytes);
            SyscallException.check(socket.use(fd -> Socket.setOption(
                fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, value.address(), Integer.BYTES)), "setsockopt(SO_SNDBUF)");
        }
    }

    /**
     * A datagram socket that is connected to itself: what is written to it is read from it, in order and whole. It does
     * not block. How much waits in it is limited by {@link #sendBuffer(Fd)} alone; {@code net.unix.max_dgram_qlen} is
     * for others who write. There are none: the kernel gives the socket an abstract name for as long as it is open, and
     * refuses with EPERM who is not its peer.
     */
    public static Fd loop() {
        Fd socket = Socket.open(SocketAddress.AF_UNIX, DGRAM | Socket.SOCK_NONBLOCK);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment unnamed = SocketAddress.unnamed(arena);
            SyscallException.check(socket.use(fd -> Socket.bind(fd, unnamed)), "bind(autobind)");
            MemorySegment name = SocketAddress.ask(socket, arena, Socket::name, "getsockname");
            SyscallException.check(socket.use(fd -> Socket.connect(fd, name)), "connect(itself)");
            dropStrangers(socket);
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /** Whether a descriptor is such a socket as {@link #loop()} makes, whoever made it. */
    public static boolean isLoop(Fd fd) {
        if (!isUnix(fd) || !isDatagram(fd)) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = SocketAddress.ask(fd, arena, Socket::name, "getsockname");
            MemorySegment peer = SocketAddress.ask(fd, arena, Socket::peerName, "getpeername");
            return SocketAddress.isAbstract(name) && name.mismatch(peer) == -1;
        } catch (SyscallException e) {
            if (e.errno() == Errno.ENOTCONN) {
                return false;
            }
            throw e;
        }
    }

    /** Between bind and connect anybody who guesses the name may write. */
    private static void dropStrangers(Fd socket) {
        long result;
        do {
            result = socket.use(fd -> FileIo.read(fd, Native.scratch(), Native.SCRATCH_BYTES));
        } while (result >= 0 || result == -Errno.EINTR);
    }

    private static int option(Fd socket, int name, String text) {
        long value = Native.scratch();
        long length = value + Long.BYTES;
        RawMemory.putInt(length, Integer.BYTES);
        SyscallException.check(
            socket.use(fd -> Socket.option(fd, Socket.SOL_SOCKET, name, value, length)), "getsockopt(" + text + ")");
        return RawMemory.getInt(value);
    }

    private static boolean isSocket(Path path) {
        try {
            return ((int) Files.getAttribute(path, "unix:mode") & Statx.S_IFMT) == Statx.S_IFSOCK;
        } catch (IOException e) {
            return false;
        }
    }

    private static void delete(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int fchmod(int fd, int mode) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) FCHMOD.invokeExact(state, fd, mode), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int chmod(long path, int mode) {
        MemorySegment state = Native.state();
        try {
            return Native.result((int) CHMOD.invokeExact(state, path, mode), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
