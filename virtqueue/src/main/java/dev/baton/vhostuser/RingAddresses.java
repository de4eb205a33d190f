package dev.baton.vhostuser;

import dev.baton.virtqueue.GuestMemory;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtqueueLayout;

/**
 * Where the front end says that a virtqueue lies, in front-end user addresses. Of a packed virtqueue these are the
 * descriptor ring and the event suppression structures of device and driver.
 *
 * @param descriptorTable user address of the descriptor table
 * @param usedRing user address of the used ring
 * @param availableRing user address of the available ring
 */
public record RingAddresses(long descriptorTable, long usedRing, long availableRing) {

    /** The virtqueue in this memory, as host addresses that are wholly inside it. */
    VirtqueueLayout resolve(int index, RingFormat format, int size, GuestMemory memory) throws ProtocolException {
        long descriptors = part(index, format.descriptorArea(), memory, descriptorTable,
            format.descriptorAreaBytes(size));
        long driver = part(index, format.driverArea(), memory, availableRing, format.driverAreaBytes(size));
        long device = part(index, format.deviceArea(), memory, usedRing, format.deviceAreaBytes(size));
        try {
            return new VirtqueueLayout(format, size, descriptors, driver, device);
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
