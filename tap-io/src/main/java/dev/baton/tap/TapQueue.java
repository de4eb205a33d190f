package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import dev.baton.ffi.UnixSocket;

/**
 * One queue of a TAP device: a non-blocking descriptor of which each read takes one frame from the kernel and each
 * write gives it one, the virtio-net header first. The four I/O calls are for the hot path: raw addresses, no check, no
 * exception, bytes moved or a negative errno, which {@link IoOutcome} explains.
 *
 * <p>A frame larger than the buffers given to a read is cut off <em>without an error</em>; only a result equal to the
 * capacity hints at it. Give room for {@link TapDevice#MAX_FRAME_BYTES} while segmentation offloads are on.
 *
 * <p>The other end may also be a datagram socket, see {@link #ofSocket}: the hot calls cannot tell.
 *
 * <p>One thread at a time reads, and one writes. Attach, detach and close are control calls, made while nobody does.
 */
public final class TapQueue implements AutoCloseable {
    /** Most iovecs in one call (IOV_MAX); with more it is EINVAL before any frame is touched. */
    public static final int MAX_SEGMENTS = 1024;

    private static final int CLOSED = -1;

    private final String device;
    private final int index;
    private final Fd fd;
    private final boolean ofKernel;
    private int fdValue;
    private boolean attached;

    TapQueue(String device, int index, Fd fd, boolean attached) {
        this(device, index, fd, attached, true);
    }

    private TapQueue(String device, int index, Fd fd, boolean attached, boolean ofKernel) {
        this.device = device;
        this.index = index;
        this.fd = fd;
        this.fdValue = fd.value();
        this.attached = attached;
        this.ofKernel = ofKernel;
    }

    /**
     * A queue at whose other end is not the kernel's interface but whoever has the other end of a datagram socket: the
     * same calls move the same frames, one datagram each. It begins attached; to attach or detach it is only noted.
     *
     * @param device name for reports
     * @param index position in the device
     * @param fd a datagram socket that has a peer and does not block; owned by the queue from now on
     * @throws TapException when it is no such socket; it is still the caller's
     */
    public static TapQueue ofSocket(String device, int index, Fd fd) {
        if (!UnixSocket.isDatagram(fd)) {
            throw TapException.ofSocket(device, index, fd, "is no datagram socket");
        }
        if (!FileIo.isNonBlocking(fd)) {
            throw TapException.ofSocket(device, index, fd,
                "is blocking and would stop the agent: set O_NONBLOCK on it first");
        }
        return new TapQueue(device, index, fd, true, false);
    }

    String device() {
        return device;
    }

    /** Position in the device as Baton counts it. The kernel renumbers its own queues when one is detached. */
    public int index() {
        return index;
    }

    /** The descriptor, still owned by this queue. */
    public Fd fd() {
        return fd;
    }

    /** The descriptor's number for hot calls, or -1 after {@link #close()}. */
    public int fdValue() {
        return fdValue;
    }

    /**
     * Reads one frame.
     *
     * @param iov address of the first iovec
     * @param count number of iovecs, at most {@value #MAX_SEGMENTS}
     * @return bytes of the frame, the virtio-net header included, or a negative errno
     */
    public long readv(long iov, int count) {
        return FileIo.readv(fdValue, iov, count);
    }

    /** Writes one frame, given as for {@link #readv}: all its bytes, or a negative errno. */
    public long writev(long iov, int count) {
        return FileIo.writev(fdValue, iov, count);
    }

    /** Reads one frame into one buffer, about 20 ns cheaper than {@link #readv} with one entry. */
    public long read(long address, long length) {
        return FileIo.read(fdValue, address, length);
    }

    /** Writes one frame out of one buffer. */
    public long write(long address, long length) {
        return FileIo.write(fdValue, address, length);
    }

    /** Whether the kernel steers frames into this queue. */
    public boolean attached() {
        return attached;
    }

    /**
     * Attaches or detaches the queue. What it is already costs no call: the kernel would answer EINVAL. A detached
     * queue has lost the frames that waited in it and reads nothing, but the kernel still takes what is written to it.
     *
     * @throws TapException when the interface is no multiqueue one, or is gone
     */
    public void attach(boolean wanted) {
        if (attached == wanted) {
            return;
        }
        if (ofKernel) {
            attachInKernel(wanted);
        }
        attached = wanted;
    }

    private void attachInKernel(boolean wanted) {
        try {
            TunTap.setQueueAttached(fd, wanted);
        } catch (SyscallException e) {
            if (e.errno() != Errno.EINVAL || isAttachedNow() != wanted) {
                throw new TapException(device, e, "queue " + index + " cannot be " + (wanted ? "attached" : "detached")
                    + (e.errno() == Errno.EINVAL ? ", the interface is not a multiqueue one" : ""));
            }
        }
    }

    /** Asks the kernel, for another holder of the same file description may have changed it. */
    private boolean isAttachedNow() {
        try {
            return (TunTap.getIff(fd).flags() & TunTap.IFF_DETACH_QUEUE) == 0;
        } catch (SyscallException e) {
            throw new TapException(device, e, "the interface is gone");
        }
    }

    /** Closes this descriptor. The queue itself lives on while another process holds a duplicate. Idempotent. */
    @Override
    public void close() {
        fdValue = CLOSED; // a number that the kernel gives out again must not be read through this queue
        fd.close();
    }

    @Override
    public String toString() {
        return device + " queue " + index + (fdValue == CLOSED ? " (closed)" : attached ? "" : " (detached)");
    }
}
