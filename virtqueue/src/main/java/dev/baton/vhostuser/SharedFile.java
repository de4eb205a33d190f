package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.MemFd;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The file of memory that a front end has shared, and still holds as well: it can cut it short, so that an access
 * faults, and forbid others to map it for writing, so that no other owner could have it.
 */
final class SharedFile {
    private SharedFile() {
    }

    /**
     * Checks that all memory of a session is as it was when it was shared.
     *
     * @throws ProtocolException with what the front end has done to it
     */
    static void check(List<RegionState> regions, @Nullable LogState log, @Nullable InflightState inflight)
        throws ProtocolException {
        for (RegionState region : regions) {
            check(region.file(), region.fileOffset(), region.sizeBytes());
        }
        if (log != null) {
            check(log.file(), log.fileOffset(), log.sizeBytes());
        }
        if (inflight != null) {
            check(inflight.file(), inflight.fileOffset(), inflight.sizeBytes());
        }
    }

    private static void check(Fd file, long fileOffset, long sizeBytes) throws ProtocolException {
        // Of what is no file at all somebody else has to tell.
        if (FileIo.isRegularFile(file) && sizeBytes > FileIo.size(file) - fileOffset) {
            throw ProtocolException.memoryTruncated(null);
        }
        if (MemFd.isSealed(file, MemFd.F_SEAL_FUTURE_WRITE)) {
            throw new ProtocolException(ErrorKind.MEMORY_SEALED, "the front-end sealed its shared memory");
        }
    }
}
