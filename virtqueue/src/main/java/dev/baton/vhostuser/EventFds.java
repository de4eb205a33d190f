package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The descriptors for kick, call and err: agents read and write them, so they must be of a kind that never blocks. */
final class EventFds {
    private static final Path OPEN_FILES = Path.of("/proc/self/fd");
    private static final String EVENTFD = "anon_inode:[eventfd]";

    private EventFds() {
    }

    static boolean belongTo(Request request) {
        return request == Request.SET_VRING_KICK || request == Request.SET_VRING_CALL
            || request == Request.SET_VRING_ERR;
    }

    /**
     * Refuses what is no eventfd: a file of a hostile file system may block an agent for ever, O_NONBLOCK or not. A
     * blocking eventfd is made non-blocking, because its counter can be filled by who holds the other end.
     */
    static void check(Request request, Fd descriptor) throws ProtocolException {
        checkKind(request.name(), descriptor);
        try {
            FileIo.setNonBlocking(descriptor, true);
        } catch (SyscallException e) {
            throw unusable(request.name(), e);
        }
    }

    /**
     * Refuses what is no eventfd. One that blocks is taken as it is: another process uses it too, so nothing is set
     * on it here, and a front end that takes O_NONBLOCK away shall not decide whether a back end can change its owner.
     *
     * @param what whose descriptor, for the message: {@code "ring 2: kick"}
     */
    static void checkShared(String what, @Nullable Fd descriptor) throws ProtocolException {
        if (descriptor != null) {
            checkKind(what, descriptor);
        }
    }

    private static void checkKind(String what, Fd descriptor) throws ProtocolException {
        try {
            String kind = Files.readSymbolicLink(OPEN_FILES.resolve("" + descriptor.value())).toString();
            if (!kind.equals(EVENTFD)) {
                throw new ProtocolException(ErrorKind.RING_REFUSED, what + ": " + kind + " is no eventfd");
            }
        } catch (IOException e) {
            throw unusable(what, e);
        }
    }

    private static ProtocolException unusable(String what, Exception e) {
        return new ProtocolException(ErrorKind.OUT_OF_RESOURCES, what + ": its descriptor: " + e.getMessage(), e);
    }
}
