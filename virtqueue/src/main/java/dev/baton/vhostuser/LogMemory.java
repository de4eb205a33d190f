package dev.baton.vhostuser;

import dev.baton.virtqueue.DirtyLog;
import dev.baton.virtqueue.GuestMemory;

/** The mapped memory of a {@link DirtyLog} (vhost-user, SET_LOG_BASE with LOG_SHMFD). */
final class LogMemory implements AutoCloseable {
    /** A bit for each page of 4096 bytes below the highest guest address that virtio knows of today, 2^48. */
    private static final long MAX_BYTES = 1L << 33;

    private final LogState state;
    private final LentFile file;
    private final DirtyLog log;

    private LogMemory(LogState state, LentFile file) {
        this.state = state;
        this.file = file;
        this.log = new DirtyLog(file.address(), state.sizeBytes());
    }

    /** Maps a log; the descriptor stays the caller's. */
    static LogMemory map(LogState described) throws ProtocolException {
        long bytes = described.sizeBytes();
        LentFile.check("log", described.file(), described.fileOffset(), bytes);
        if (bytes > MAX_BYTES) {
            throw new ProtocolException(ErrorKind.TOO_MUCH_MEMORY, "log: 0x" + Long.toHexString(bytes)
                + " bytes, a port maps at most 0x" + Long.toHexString(MAX_BYTES));
        }
        LentFile file = LentFile.map("log", described.file(), described.fileOffset(), bytes);
        return new LogMemory(new LogState(bytes, described.fileOffset(), file.file()), file);
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

    @Override
    public void close() {
        file.close();
    }
}
