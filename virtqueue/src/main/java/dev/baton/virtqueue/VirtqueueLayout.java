package dev.baton.virtqueue;

/**
 * Where the three parts of a virtqueue lie in this process.
 *
 * <pre>
 *   split (virtio 1.2, 2.7)
 *   descriptor table   16 x size        addr:64 | len:32 | flags:16 | next:16        aligned to 16
 *   available ring      6 +  2 x size   flags:16 | idx:16 | head:16 ... | used_event:16       to 2
 *   used ring           6 +  8 x size   flags:16 | idx:16 | (head:32 | len:32) ... | avail_event:16   to 4
 *
 *   packed (virtio 1.2, 2.8)
 *   descriptor ring    16 x size        addr:64 | len:32 | id:16 | flags:16          aligned to 16
 *   driver event        4               off:15 | wrap:1 | flags:16                            to 4
 *   device event        4               off:15 | wrap:1 | flags:16                            to 4
 * </pre>
 *
 * @param format which of the two
 * @param size number of descriptors
 * @param descriptorTable host address of the descriptor table or descriptor ring
 * @param availableRing host address of the available ring or the driver's event suppression structure
 * @param usedRing host address of the used ring or the device's event suppression structure
 */
public record VirtqueueLayout(RingFormat format, int size, long descriptorTable, long availableRing, long usedRing) {

    static final int DESCRIPTOR_BYTES = 16;
    static final int INDEX_OFFSET = 2;
    static final int RING_OFFSET = 4;

    /**
     * Checks size and alignment.
     *
     * @throws IllegalArgumentException naming the size that the format does not allow, or the part that is missing or
     *     misaligned
     */
    public VirtqueueLayout {
        format.checkSize(size);
        format.checkPlaces(descriptorTable, availableRing, usedRing);
    }

    void checkReplacement(VirtqueueLayout replacement) {
        if (replacement.size != size || replacement.format != format) {
            throw new IllegalArgumentException("a virtqueue of size " + size + " (" + format + ") cannot become one of "
                + replacement.size + " (" + replacement.format + ")");
        }
    }

    /**
     * Lays a virtqueue out in one block: descriptors, the driver's area, the device's area on a cache line of its
     * own. A driver's choice, not a rule of the specification.
     *
     * @param address start of the block, aligned to 64
     * @see #contiguousBytes(RingFormat, int)
     */
    public static VirtqueueLayout contiguous(RingFormat format, int size, long address) {
        long driverArea = address + descriptorTableBytes(size);
        return new VirtqueueLayout(format, size, address, driverArea,
            lineUp(driverArea + format.driverAreaBytes(size)));
    }

    /** Bytes that {@link #contiguous} takes, a multiple of 64. */
    public static long contiguousBytes(RingFormat format, int size) {
        return lineUp(lineUp(descriptorTableBytes(size) + format.driverAreaBytes(size))
            + format.deviceAreaBytes(size));
    }

    private static long lineUp(long address) {
        return (address + 63) & -64;
    }

    /** Bytes of the descriptor table, or of the descriptor ring. */
    public static long descriptorTableBytes(int size) {
        return (long) DESCRIPTOR_BYTES * size;
    }

    /** Bytes of the available ring, {@code used_event} included. */
    public static long availableRingBytes(int size) {
        return RING_OFFSET + 2L * size + 2;
    }

    /** Bytes of the used ring, {@code avail_event} included. */
    public static long usedRingBytes(int size) {
        return RING_OFFSET + 8L * size + 2;
    }

    /** Host address of a split virtqueue's {@code used_event}, the driver's half of notification suppression. */
    long usedEvent() {
        return availableRing + RING_OFFSET + 2L * size;
    }

    /** Host address of a split virtqueue's {@code avail_event}, the device's half of notification suppression. */
    long availEvent() {
        return usedRing + RING_OFFSET + 8L * size;
    }
}
