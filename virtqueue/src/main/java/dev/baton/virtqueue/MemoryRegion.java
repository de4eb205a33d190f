package dev.baton.virtqueue;

/**
 * One stretch of guest memory that is mapped into this process (vhost-user: "memory region").
 *
 * @param guestAddress first guest physical address
 * @param sizeBytes length, the same in all three address spaces
 * @param userAddress first front-end user address, the space in which the front end names ring parts
 * @param hostAddress first address of our mapping
 */
public record MemoryRegion(long guestAddress, long sizeBytes, long userAddress, long hostAddress) {

    /**
     * Checks the ranges.
     *
     * @throws IllegalArgumentException naming the first range that is empty, negative or runs over 2^63
     */
    public MemoryRegion {
        if (sizeBytes <= 0) {
            throw new IllegalArgumentException("memory region at guest address 0x"
                + Long.toHexString(guestAddress) + ": size " + sizeBytes + " is not positive");
        }
        check("guest address", guestAddress, sizeBytes);
        check("user address", userAddress, sizeBytes);
        check("host address", hostAddress, sizeBytes);
        if (hostAddress == 0) {
            throw new IllegalArgumentException("memory region without a host address");
        }
    }

    private static void check(String what, long address, long sizeBytes) {
        if (address < 0 || address > Long.MAX_VALUE - sizeBytes) {
            throw new IllegalArgumentException("memory region: " + what + " 0x" + Long.toHexString(address)
                + " plus size 0x" + Long.toHexString(sizeBytes) + " overflows");
        }
    }

    /** First guest address after the region. */
    public long guestEnd() {
        return guestAddress + sizeBytes;
    }

    @Override
    public String toString() {
        return "MemoryRegion[guest=0x" + Long.toHexString(guestAddress) + ", size=0x" + Long.toHexString(sizeBytes)
            + ", user=0x" + Long.toHexString(userAddress) + ", host=0x" + Long.toHexString(hostAddress) + "]";
    }
}
