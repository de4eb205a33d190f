package dev.baton.datapath;

import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.Section;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * In which PID namespace this process lives (pid_namespaces(7)). What is the owner in one may be nobody in another,
 * which would look like its death, or somebody else, who would be ended in its place: see {@link Fence}.
 */
final class PidNamespace {
    private PidNamespace() {
    }

    /** The inode of this process's namespace; 0 where /proc does not tell. */
    static long own() {
        try {
            return (long) Files.getAttribute(Path.of("/proc/self/ns/pid"), "unix:ino");
        } catch (IOException | UnsupportedOperationException e) {
            return 0;
        }
    }

    /**
     * Checks that an owner's PIDs are its own here too.
     *
     * @param owners the inode of the owner's namespace; 0: not known, and believed to be this one
     * @throws HandoverException it has another one
     */
    static void check(long owners) throws HandoverException {
        long own = own();
        if (owners != 0 && own != 0 && owners != own) {
            throw new HandoverException(Section.DATAPATH.label(), HandoverError.CANNOT_HAND_OVER,
                "its owner lives in another PID namespace, and neither could tell here whether the other has ended");
        }
    }
}
