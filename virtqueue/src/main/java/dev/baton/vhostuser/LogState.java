package dev.baton.vhostuser;

import dev.baton.ffi.Fd;

/**
 * The memory in which the front end wants to read what was written to guest memory; see {@link SessionState}.
 *
 * @param sizeBytes length
 * @param fileOffset where it begins in its file
 * @param file what it is mapped from
 */
public record LogState(long sizeBytes, long fileOffset, Fd file) {
}
