package dev.baton.offload;

import dev.baton.virtqueue.VirtioNetHeader;

/** What the virtio-net header of a frame asks for, in its first 8 bytes and {@code csum_offset}. */
public final class Requests {
    private Requests() {
    }

    /**
     * Whether a frame can be what its header says: the checksum lies in it, and what is to be cut has a checksum to be
     * filled in and a size to be cut to (virtio 1.2, 5.1.6.2). A receiver may rely on that.
     *
     * @param header     the header's first 8 bytes
     * @param csumOffset its {@code csum_offset}
     * @param length     bytes of the frame, virtio-net header included
     */
    public static boolean fit(long header, int csumOffset, int length) {
        boolean checksum = (header & VirtioNetHeader.NEEDS_CSUM) != 0;
        int type = (int) (header >>> (8 * VirtioNetHeader.GSO_TYPE_OFFSET)) & 0xFF;
        return checksum ? csumStart(header) + csumOffset + Short.BYTES <= length - VirtioNetHeader.LENGTH
            && (type == VirtioNetHeader.GSO_NONE || gsoSize(header) > 0) : type == VirtioNetHeader.GSO_NONE;
    }

    /** The {@code gso_size} of these 8 bytes. */
    public static int gsoSize(long header) {
        return (int) (header >>> (8 * VirtioNetHeader.GSO_SIZE_OFFSET)) & 0xFFFF;
    }

    private static int csumStart(long header) {
        return (int) (header >>> (8 * VirtioNetHeader.CSUM_START_OFFSET)) & 0xFFFF;
    }
}
