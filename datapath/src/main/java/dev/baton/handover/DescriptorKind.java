package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a descriptor has to be of, so that it can be used as the section says. Looking sets nothing on it. */
enum DescriptorKind {
    /** A regular file, as a memfd is. */
    FILE("regular file"),
    /** A socket. */
    SOCKET("socket"),
    /** An eventfd: nothing else is sure never to block an agent. */
    EVENTFD("eventfd"),
    /** Anything: whoever takes it looks for himself. */
    ANY("descriptor");

    private static final Path OPEN_FILES = Path.of("/proc/self/fd");

    private final String noun;

    DescriptorKind(String noun) {
        this.noun = noun;
    }

    /** For the sentence "descriptor 3 is no ...". */
    String noun() {
        return noun;
    }

    boolean matches(Fd fd) throws SyscallException {
        return switch (this) {
            case FILE -> FileIo.isRegularFile(fd);
            case SOCKET -> FileIo.isSocket(fd);
            case EVENTFD -> isEventFd(fd);
            case ANY -> true;
        };
    }

    private static boolean isEventFd(Fd fd) {
        try {
            return Files.readSymbolicLink(OPEN_FILES.resolve("" + fd.value())).toString()
                .equals("anon_inode:[eventfd]");
        } catch (IOException e) { // no /proc
            return false;
        }
    }
}
