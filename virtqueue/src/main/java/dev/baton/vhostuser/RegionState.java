package dev.baton.vhostuser;

import dev.baton.ffi.Fd;

/**
 * A memory region of a session that goes to another process.
 *
 * @param guestAddress first guest physical address
 * @param sizeBytes length
 * @param userAddress first front-end user address
 * @param fileOffset where the region begins in its file, in bytes
 * @param file the file
 */
public record RegionState(long guestAddress, long sizeBytes, long userAddress, long fileOffset, Fd file) {

    RegionDescription description() {
        return new RegionDescription(guestAddress, sizeBytes, userAddress, fileOffset);
    }
}
