package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.Objects;

/**
 * A scatter-gather list as the kernel takes it: {@code struct iovec[]} off-heap, see readv(2).
 *
 * <pre>
 *   entry i, 16 bytes    0          8          16
 *                        +----------+----------+
 *                        | iov_base | iov_len  |
 *                        +----------+----------+
 * </pre>
 */
@CHeader("sys/uio.h")
public final class IovecArray implements AutoCloseable {
    static final StructLayout IOVEC =
        MemoryLayout.structLayout(JAVA_LONG.withName("iov_base"), JAVA_LONG.withName("iov_len")).withName("iovec");

    private static final int ENTRY_BYTES = (int) IOVEC.byteSize();
    private static final int LENGTH_OFFSET = (int) IOVEC.byteOffset(groupElement("iov_len"));

    private final Mapping memory;
    private final long address;
    private int capacity;

    /**
     * A list of empty segments.
     *
     * @param capacity number of segments that it has room for, at least 1
     */
    public IovecArray(int capacity) {
        if (capacity < 1) {
            throw new IllegalArgumentException("capacity must be at least 1: " + capacity);
        }
        // All pages at once: the first use of the list may be the one that nothing shall hold up.
        this.memory = Mapping.map(null, 0, (long) capacity * ENTRY_BYTES, Mapping.PROT_READ | Mapping.PROT_WRITE,
            Mapping.MAP_PRIVATE | Mapping.MAP_ANONYMOUS | Mapping.MAP_POPULATE);
        this.address = memory.address();
        this.capacity = capacity;
    }

    /** Number of segments that there is room for; 0 once closed. */
    public int capacity() {
        return capacity;
    }

    /** Address of the first entry. */
    public long address() {
        return address(0);
    }

    /** Address of an entry: a list may begin anywhere in the array. */
    public long address(int index) {
        return address + (long) Objects.checkIndex(index, capacity) * ENTRY_BYTES;
    }

    /** Makes an entry point at {@code length} bytes from {@code base} on. */
    public void set(int index, long base, long length) {
        long entry = address(index);
        RawMemory.putLong(entry, base);
        RawMemory.putLong(entry + LENGTH_OFFSET, length);
    }

    /** Address of the first byte of a segment. */
    public long base(int index) {
        return RawMemory.getLong(address(index));
    }

    /** Bytes of so many segments. */
    public long bytes(int first, int count) {
        long bytes = 0;
        for (int i = first; i < first + count; i++) {
            bytes += length(i);
        }
        return bytes;
    }

    /** Bytes of a segment. */
    public long length(int index) {
        return RawMemory.getLong(address(index) + LENGTH_OFFSET);
    }

    /** Frees the array; entries are out of bounds from now on. */
    @Override
    public void close() {
        capacity = 0;
        memory.close();
    }
}
