package dev.baton.vhostuser;

import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.VirtqueueLayout;

/**
 * Where the front end says that a virtqueue lies, in front-end user addresses.
 *
 * @param descriptorTable user address of the descriptor table
 * @param usedRing user address of the used ring
 * @param availableRing user address of the available ring
 */
public record RingAddresses(long descriptorTable, long usedRing, long availableRing) {

    /** The virtqueue in this memory, as host addresses that are wholly inside it. */
    VirtqueueLayout resolve(int index, int size, GuestMemory memory) throws ProtocolException {
        long descriptors = part(index, "descriptor table", memory, descriptorTable,
            VirtqueueLayout.descriptorTableBytes(size));
        long available = part(index, "available ring", memory, availableRing,
            VirtqueueLayout.availableRingBytes(size));
        long used = part(index, "used ring", memory, usedRing, VirtqueueLayout.usedRingBytes(size));
        try {
            return new VirtqueueLayout(size, descriptors, available, used);
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "ring " + index + ": " + e.getMessage(), e);
        }
    }

    private static long part(int index, String name, GuestMemory memory, long address, long bytes)
        throws ProtocolException {
        long host = memory.translateUser(address, bytes);
        if (host == 0) {
            throw new ProtocolException(ErrorKind.RING_REFUSED, "ring " + index + ": the " + name + " at 0x"
                + Long.toHexString(address) + " with " + bytes + " bytes is in no memory region");
        }
        return host;
    }
}
