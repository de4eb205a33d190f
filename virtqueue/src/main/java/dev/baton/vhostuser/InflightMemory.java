package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.SyscallException;
import dev.baton.virtqueue.InflightQueue;
import dev.baton.virtqueue.RingFormat;
import org.jspecify.annotations.Nullable;

/**
 * A mapped inflight region: a queue region for each virtqueue, one behind the other (vhost-user, "Inflight I/O
 * tracking"). What is in it is looked at when a virtqueue starts.
 */
final class InflightMemory implements AutoCloseable {
    private final InflightState state;
    private final RingFormat format;
    private final LentFile file;

    private InflightMemory(InflightState state, RingFormat format, LentFile file) {
        this.state = state;
        this.format = format;
        this.file = file;
    }

    /**
     * A region for a front end: a memfd of zeroes, which says of each virtqueue that nothing is known. Nobody can cut
     * it short. No page of it is there before a virtqueue uses it.
     *
     * @param most virtqueues of the device
     * @return the descriptor is the caller's
     */
    static InflightState create(int queues, int queueSize, int most, RingFormat format) throws ProtocolException {
        checkNumbers(Request.GET_INFLIGHT_FD, queues, queueSize, most);
        long bytes = queues * InflightQueue.bytes(format, queueSize);
        Fd file;
        try {
            file = MemFd.create("baton-inflight", bytes, MemFd.MFD_ALLOW_SEALING);
        } catch (SyscallException e) {
            throw new ProtocolException(ErrorKind.OUT_OF_RESOURCES, "inflight region: " + e.getMessage(), e);
        }
        try {
            MemFd.seal(file, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
            return new InflightState(bytes, 0, queues, queueSize, file);
        } catch (SyscallException e) {
            file.close();
            throw new ProtocolException(ErrorKind.OUT_OF_RESOURCES, "inflight region: " + e.getMessage(), e);
        }
    }

    private static void checkNumbers(Request request, int queues, int queueSize, int most) throws ProtocolException {
        if (queues < 1 || queues > most || queueSize < 1 || queueSize > RingFormat.MAX_SIZE) {
            throw new ProtocolException(ErrorKind.INVALID_VALUE, request + ": " + queues + " queues of " + queueSize
                + ", where 1 to " + most + " of 1 to " + RingFormat.MAX_SIZE + " can be");
        }
    }

    /** Maps a region; the descriptor stays the caller's. */
    static InflightMemory map(InflightState described, int most, RingFormat format) throws ProtocolException {
        checkNumbers(Request.SET_INFLIGHT_FD, described.queues(), described.queueSize(), most);
        LentFile.check("inflight region", described.file(), described.fileOffset(), described.sizeBytes());
        long needed = described.queues() * InflightQueue.bytes(format, described.queueSize());
        if (described.sizeBytes() < needed) {
            throw new ProtocolException(ErrorKind.MEMORY_REFUSED, "inflight region: 0x"
                + Long.toHexString(described.sizeBytes()) + " bytes, where " + format + " virtqueues need 0x"
                + Long.toHexString(needed));
        }
        LentFile file = LentFile.map("inflight region", described.file(), described.fileOffset(), needed);
        return new InflightMemory(new InflightState(described.sizeBytes(), described.fileOffset(), described.queues(),
            described.queueSize(), file.file()), format, file);
    }

    InflightState state() {
        return state;
    }

    /** The queue region of this virtqueue; null where the front end wants none for it. */
    @Nullable InflightQueue queue(int index) {
        return index >= state.queues() ? null
            : new InflightQueue(file.address() + index * InflightQueue.bytes(format, state.queueSize()), format,
                state.queueSize());
    }

    @Override
    public void close() {
        file.close();
    }
}
