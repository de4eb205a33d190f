package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

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
        try {
            String kind = Files.readSymbolicLink(OPEN_FILES.resolve("" + descriptor.value())).toString();
            if (!kind.equals(EVENTFD)) {
                throw new ProtocolException(ErrorKind.RING_REFUSED, request + ": " + kind + " is no eventfd");
            }
            FileIo.setNonBlocking(descriptor, true);
        } catch (IOException | SyscallException e) {
            throw new ProtocolException(ErrorKind.OUT_OF_RESOURCES, request + ": its descriptor: " + e.getMessage(), e);
        }
    }
}
