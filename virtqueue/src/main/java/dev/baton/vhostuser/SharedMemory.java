package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;

/**
 * Memory that a front end shares with the back end: a memfd, mapped here, that stands for one region of guest memory.
 *
 * <pre>
 *   file             0 ........ fileOffset .................... fileOffset + sizeBytes
 *   host address                hostAddress        what this process reads and writes
 *   user address                hostAddress + 2^56 what ring addresses are told in
 *   guest address               guestAddress       what descriptors carry
 * </pre>
 *
 * <p>The user addresses of a real front end are its own mapping's; here they lie where no mapping can be, so that who
 * takes one kind of address for another is found out. Space is handed out from the front and never taken back.
 */
public final class SharedMemory implements AutoCloseable {
    private static final long USER_DISTANCE = 1L << 56;

    private final Fd file;
    private final Mapping mapping;
    private final RegionDescription description;
    private long allocated;

    private SharedMemory(Fd file, Mapping mapping, RegionDescription description) {
        this.file = file;
        this.mapping = mapping;
        this.description = description;
    }

    /** A region of so many bytes, a multiple of the page size, at this guest address. */
    public static SharedMemory create(long guestAddress, long sizeBytes) {
        return create(guestAddress, sizeBytes, 0, 0);
    }

    /** {@link #create(long, long)} at an offset in its file, a multiple of the page size, and with {@code MFD_*}. */
    public static SharedMemory create(long guestAddress, long sizeBytes, long fileOffset, int flags) {
        Fd file = MemFd.create("baton-guest", fileOffset + sizeBytes, flags);
        try {
            Mapping mapping = Mapping.shared(file, fileOffset, sizeBytes);
            return new SharedMemory(file, mapping, new RegionDescription(guestAddress, sizeBytes,
                mapping.address() + USER_DISTANCE, fileOffset));
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** The file; still owned by this object. */
    public Fd file() {
        return file;
    }

    /** First guest address. */
    public long guestAddress() {
        return description.guestAddress();
    }

    /** First address in this process. */
    public long hostAddress() {
        return mapping.address();
    }

    /** Length in all address spaces. */
    public long sizeBytes() {
        return description.sizeBytes();
    }

    /** First front-end user address. */
    public long userAddress() {
        return description.userAddress();
    }

    /** The guest address of what lies at this host address. */
    public long guestOf(long hostAddress) {
        return hostAddress - hostAddress() + guestAddress();
    }

    /** The front-end user address of what lies at this host address. */
    public long userOf(long hostAddress) {
        return hostAddress + USER_DISTANCE;
    }

    /**
     * Hands out the next bytes.
     *
     * @param bytes how many
     * @param alignment a power of two
     * @return host address
     * @throws IllegalStateException if there are not as many left
     */
    public long allocate(long bytes, long alignment) {
        long start = allocated + alignment - 1 & -alignment;
        if (bytes > sizeBytes() - start) {
            throw new IllegalStateException("no " + bytes + " bytes left of " + sizeBytes());
        }
        allocated = start + bytes;
        return hostAddress() + start;
    }

    RegionDescription description() {
        return description;
    }

    /** Unmaps the memory and closes the file; a back end keeps what it has mapped. */
    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
