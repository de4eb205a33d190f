package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.virtqueue.RingFormat;
import dev.baton.virtqueue.VirtqueueLayout;

/**
 * A virtqueue that a front end has made. A {@code VirtqueueDriver} over the layout drives it.
 *
 * @param index the virtqueue's index
 * @param layout host addresses in this process
 * @param memory where it lies
 * @param kick signalled by the driver
 * @param call signalled by the device
 */
public record FrontEndRing(int index, VirtqueueLayout layout, SharedMemory memory, EventFd kick, EventFd call)
    implements AutoCloseable {

    /** A split virtqueue of zeroes in this memory, with eventfds of its own. */
    public static FrontEndRing create(int index, int size, SharedMemory memory) {
        return create(RingFormat.SPLIT, index, size, memory);
    }

    /** A virtqueue of zeroes in this memory, with eventfds of its own. */
    public static FrontEndRing create(RingFormat format, int index, int size, SharedMemory memory) {
        long place = memory.allocate(VirtqueueLayout.contiguousBytes(format, size), 64);
        return new FrontEndRing(index, VirtqueueLayout.contiguous(format, size, place), memory, EventFd.create(),
            EventFd.create());
    }

    /** Closes the eventfds. */
    @Override
    public void close() {
        kick.close();
        call.close();
    }
}
