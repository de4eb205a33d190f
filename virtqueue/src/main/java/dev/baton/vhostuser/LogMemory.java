package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.SyscallException;
import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.GuestMemory;
import org.jspecify.annotations.Nullable;

/** The mapped memory of a {@link DirtyLog} (vhost-user, SET_LOG_BASE with LOG_SHMFD). */
final class LogMemory implements AutoCloseable {
    /** A bit for each page of 4096 bytes below the highest guest address that virtio knows of today, 2^48. */
    private static final long MAX_BYTES = 1L << 33;

    private final LogState state;
    private final Mapping mapping;
    private final DirtyLog log;

    private LogMemory(LogState state, Mapping mapping, DirtyLog log) {
        this.state = state;
        this.mapping = mapping;
        this.log = log;
    }

    /** Maps a log; the descriptor stays the caller's. */
    static LogMemory map(LogState described) throws ProtocolException {
        Fd file = described.file();
        long bytes = described.sizeBytes();
        long offset = described.fileOffset();
        try {
            if (!FileIo.isRegularFile(file)) {
                throw refused("its descriptor is no file", null);
            }
            if (!FileIo.isLocal(file)) {
                throw refused("its file lies neither in memory nor on a disk of this machine", null);
            }
            long fileBytes = FileIo.size(file);
            if (bytes <= 0 || offset < 0 || bytes > fileBytes - offset || (offset & 7) != 0) {
                throw refused("0x" + Long.toHexString(bytes) + " bytes at 0x" + Long.toHexString(offset)
                    + " are not whole words inside its file of 0x" + Long.toHexString(fileBytes), null);
            }
            if (bytes > MAX_BYTES) {
                throw new ProtocolException(ErrorKind.TOO_MUCH_MEMORY, "log: 0x" + Long.toHexString(bytes)
                    + " bytes, a port maps at most 0x" + Long.toHexString(MAX_BYTES));
            }
            long start = offset & -Mapping.pageSize();
            Mapping mapping = Mapping.shared(file, start, offset - start + bytes);
            return new LogMemory(new LogState(bytes, offset, file.duplicate()), mapping,
                new DirtyLog(mapping.address() + offset - start, bytes));
        } catch (SyscallException e) {
            throw refused(e.getMessage(), e);
        }
    }

    /** Writes to a used ring are noted where the ring lies; a front end that wants them elsewhere is not served. */
    static void checkUsedRing(int index, GuestMemory memory, long userAddress, long logAddress)
        throws ProtocolException {
        long host = memory.translateUser(userAddress, 1);
        long guest = host == 0 ? -1 : memory.guestAddress(host);
        if (host != 0 && guest != logAddress) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE,
                "SET_VRING_ADDR: ring " + index + ": its used ring at 0x"
                + Long.toHexString(guest) + " is to be logged at 0x" + Long.toHexString(logAddress));
        }
    }

    LogState state() {
        return state;
    }

    DirtyLog log() {
        return log;
    }

    /** Whether its file is still as large as it was: where it is not, touching it faults. */
    boolean intact() {
        return FileIo.size(state.file()) >= state.fileOffset() + state.sizeBytes();
    }

    @Override
    public void close() {
        mapping.close();
        state.file().close();
    }

    private static ProtocolException refused(@Nullable String why, @Nullable Throwable e) {
        return new ProtocolException(ErrorKind.MEMORY_REFUSED, "log: " + why, e);
    }
}
