package dev.baton.vhostuser;

import dev.baton.ffi.Fd;

/**
 * A memory region as a message describes it; nothing in it is checked yet.
 *
 * @param guestAddress first guest physical address
 * @param sizeBytes length
 * @param userAddress first front-end user address
 * @param fileOffset where the region begins in the file that comes with it
 */
record RegionDescription(long guestAddress, long sizeBytes, long userAddress, long fileOffset) {

    /** The region at this place of the body. */
    static RegionDescription read(Message message, int offset) {
        return new RegionDescription(message.int64(offset), message.int64(offset + 8), message.int64(offset + 16),
            message.int64(offset + 24));
    }

    /** The region and its file. */
    RegionState with(Fd file) {
        return new RegionState(guestAddress, sizeBytes, userAddress, fileOffset, file);
    }

    void write(Message message, int offset) {
        message.int64(offset, guestAddress).int64(offset + 8, sizeBytes).int64(offset + 16, userAddress)
            .int64(offset + 24, fileOffset);
    }

    /** Whether a message that removes a region means this one: the file offset is of no account. */
    boolean names(RegionDescription other) {
        return guestAddress == other.guestAddress && sizeBytes == other.sizeBytes && userAddress == other.userAddress;
    }

    @Override
    public String toString() {
        return "region at guest address 0x" + Long.toHexString(guestAddress) + " of 0x" + Long.toHexString(sizeBytes)
            + " bytes";
    }
}
