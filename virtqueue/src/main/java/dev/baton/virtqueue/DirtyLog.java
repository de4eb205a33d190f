package dev.baton.virtqueue;

import dev.baton.ffi.RawMemory;

/**
 * The bitmap in which a back end notes what it has written to guest memory, while the guest migrates (vhost-user,
 * "Migration"): one bit for each page of 4 KiB, from guest physical address 0 on. The front end clears bits while
 * others are set, so each is set atomically; and only after the page was written, or what is written after it would be
 * lost.
 */
public final class DirtyLog {
    private static final int PAGE_SHIFT = 12;
    private static final int WORD_SHIFT = 6;

    private final long address;
    private final long pages;

    /**
     * A log at this place.
     *
     * @param address aligned to 8
     * @param bytes length; what is left over beyond whole words of 8 bytes is not used
     */
    public DirtyLog(long address, long bytes) {
        if (address == 0 || (address & 7) != 0 || bytes < 0) {
            throw new IllegalArgumentException(
                "a log of " + bytes + " bytes at 0x" + Long.toHexString(address) + ", which is not aligned to 8");
        }
        this.address = address;
        this.pages = (bytes & -8) << 3;
    }

    /** Whether the log has a bit for this byte of guest memory. */
    public boolean covers(long guestAddress) {
        return guestAddress >= 0 && guestAddress >>> PAGE_SHIFT < pages;
    }

    /** Notes that the range was written. Pages that the log does not cover are left out. */
    public void mark(long guestAddress, long length) {
        if (length <= 0 || guestAddress < 0) {
            return;
        }
        long page = guestAddress >>> PAGE_SHIFT;
        long last = Math.min((guestAddress + length - 1) >>> PAGE_SHIFT, pages - 1);
        while (page <= last) {
            long word = page >>> WORD_SHIFT;
            long bits = 0;
            while (page <= last && page >>> WORD_SHIFT == word) {
                bits |= 1L << page;
                page++;
            }
            RawMemory.orLong(address + (word << 3), bits);
        }
    }
}
