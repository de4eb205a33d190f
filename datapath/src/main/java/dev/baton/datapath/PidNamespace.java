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
    /** A process stays in its own for life: what changes with unshare(2) is that of its children. */
    private static final long OWN = learn();

    private PidNamespace() {
    }

    /** The inode of this process's namespace; 0 where /proc does not tell. */
    static long own() {
        return OWN;
    }

    private static long learn() {
        try {
            return (long) Files.getAttribute(Path.of("/proc/self/ns/pid"), "unix:ino");
        } catch (IOException | UnsupportedOperationException e) {
            return 0;
        }
    }

    /**
     * Checks that an owner's PIDs are its own here too.
     *
     * @param ownersInode the inode of the owner's namespace; 0: not known, and believed to be this one
     * @throws HandoverException it has another one
     */
    static void check(long ownersInode) throws HandoverException {
        if (ownersInode != 0 && OWN != 0 && ownersInode != OWN) {
            throw new HandoverException(Section.DATAPATH.label(), HandoverError.CANNOT_HAND_OVER,
                "its owner lives in another PID namespace, and neither could tell here whether the other has ended");
        }
    }
}
