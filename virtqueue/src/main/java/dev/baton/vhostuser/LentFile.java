package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.SyscallException;
import org.jspecify.annotations.Nullable;

/** A part of a file, mapped, that a front end shares for something else than guest memory. */
final class LentFile implements AutoCloseable {
    private final Fd file;
    private final long fileOffset;
    private final Mapping mapping;

    private LentFile(Fd file, long fileOffset, Mapping mapping) {
        this.file = file;
        this.fileOffset = fileOffset;
        this.mapping = mapping;
    }

    /**
     * Checks what a front end says of it.
     *
     * @param fileOffset a multiple of 8
     * @throws ProtocolException where the file is none, lies where a page fault could wait for somebody, or is shorter
     */
    static void check(String what, Fd file, long fileOffset, long sizeBytes) throws ProtocolException {
        long fileBytes;
        try {
            if (!FileIo.isRegularFile(file)) {
                throw refused(what, "its descriptor is no file", null);
            }
            if (!FileIo.isLocal(file)) {
                throw refused(what, "its file lies neither in memory nor on a disk of this machine", null);
            }
            fileBytes = FileIo.size(file);
        } catch (SyscallException e) {
            throw refused(what, e.getMessage(), e);
        }
        if (sizeBytes <= 0 || fileOffset < 0 || sizeBytes > fileBytes - fileOffset || (fileOffset & 7) != 0) {
            throw refused(what, "0x" + Long.toHexString(sizeBytes) + " bytes at 0x" + Long.toHexString(fileOffset)
                + " are not whole words inside its file of 0x" + Long.toHexString(fileBytes), null);
        }
    }

    /**
     * Maps it.
     *
     * @param what its name, for a refusal
     * @param file has passed {@link #check}; stays the caller's
     */
    static LentFile map(String what, Fd file, long fileOffset, long sizeBytes) throws ProtocolException {
        try {
            Fd kept = file.duplicate();
            try {
                long start = fileOffset & -Mapping.pageSize();
                return new LentFile(kept, fileOffset,
                    Mapping.shared(kept, start, fileOffset - start + sizeBytes));
            } catch (SyscallException e) {
                kept.close();
                throw e;
            }
        } catch (SyscallException e) {
            throw new ProtocolException(ErrorKind.unmapped(e), what + ": " + e.getMessage(), e);
        }
    }

    private static ProtocolException refused(String what, @Nullable String why, @Nullable Throwable e) {
        return new ProtocolException(ErrorKind.MEMORY_REFUSED, what + ": " + why, e);
    }

    /** The file; still owned by this object. */
    Fd file() {
        return file;
    }

    /** Where the part begins in this process. */
    long address() {
        return mapping.address() + (fileOffset & Mapping.pageSize() - 1);
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
