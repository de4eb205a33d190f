package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
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
    private final Mapping mapping;
    private final long address;

    private InflightMemory(InflightState state, RingFormat format, Mapping mapping, long address) {
        this.state = state;
        this.format = format;
        this.mapping = mapping;
        this.address = address;
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
        Fd file = described.file();
        long offset = described.fileOffset();
        long bytes = described.sizeBytes();
        long needed = described.queues() * InflightQueue.bytes(format, described.queueSize());
        try {
            if (!FileIo.isRegularFile(file)) {
                throw refused("its descriptor is no file", null);
            }
            if (!FileIo.isLocal(file)) {
                throw refused("its file lies neither in memory nor on a disk of this machine", null);
            }
            long fileBytes = FileIo.size(file);
            if (bytes < needed || offset < 0 || bytes > fileBytes - offset || (offset & 7) != 0) {
                throw refused("0x" + Long.toHexString(bytes) + " bytes at 0x" + Long.toHexString(offset) + ", where "
                    + format + " virtqueues need 0x" + Long.toHexString(needed)
                    + ", aligned to 8, inside its file of 0x" + Long.toHexString(fileBytes), null);
            }
            long start = offset & -Mapping.pageSize();
            Mapping mapping = Mapping.shared(file, start, offset - start + needed);
            InflightState state = new InflightState(bytes, offset, described.queues(), described.queueSize(),
                file.duplicate());
            return new InflightMemory(state, format, mapping, mapping.address() + offset - start);
        } catch (SyscallException e) {
            throw refused(e.getMessage(), e);
        }
    }

    InflightState state() {
        return state;
    }

    /** The queue region of this virtqueue; null where the front end wants none for it. */
    @Nullable InflightQueue queue(int index) {
        return index >= state.queues() ? null
            : new InflightQueue(address + index * InflightQueue.bytes(format, state.queueSize()), format,
                state.queueSize());
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
        return new ProtocolException(ErrorKind.MEMORY_REFUSED, "inflight region: " + why, e);
    }
}
