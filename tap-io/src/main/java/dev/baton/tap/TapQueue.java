package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.IoUring;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import dev.baton.ffi.UnixSocket;
import org.jspecify.annotations.Nullable;

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
 * <p>One thread at a time reads, and one writes; with a ring ({@link #useIoUring}) it is the same one. Attach, detach,
 * the ring and close are control calls, made while nobody does.
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
    private @Nullable IoUring ring;
    /** Control calls set it, and the thread that reads. */
    private volatile int longestFrame = TapDevice.MAX_FRAME_BYTES;

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

    /**
     * Makes a {@link TapBurst} of this queue one call of the kernel (io_uring) from now on. The ring is this process's
     * own: another holder of the queue knows nothing of it, and nothing is in it between two bursts. It is closed with
     * the queue.
     *
     * @throws TapException when the kernel has no io_uring, keeps it from this process, or cannot work like this on
     *     the device; bursts go on as they were
     */
    public void useIoUring() {
        if (ring != null) {
            return;
        }
        IoUring opened = null;
        try {
            opened = IoUring.open(TapBurst.MAX_FRAMES, fd);
            if (ofKernel) {
                checkNoWait(opened);
            }
            ring = opened;
        } catch (SyscallException e) {
            throw new TapException(device, e, "queue " + index + " has a call of the kernel for each frame");
        } finally {
            if (opened != null && ring == null) {
                opened.close();
            }
        }
    }

    /** No frame has no byte: the kernel refuses it, unless it refuses to do anything without waiting. */
    private static void checkNoWait(IoUring opened) {
        opened.write(0, 0);
        int result = opened.submit() == 1 ? opened.result(0) : -Errno.ENOMEM;
        if (result != -Errno.EINVAL) {
            throw new SyscallException("write through io_uring without waiting", -result);
        }
    }

    /** Whether bursts go through a ring. */
    public boolean usesIoUring() {
        return ring != null;
    }

    @Nullable IoUring ring() {
        return ring;
    }

    /** Spares the calling thread's first burst what its first use of the ring costs; others may use it meanwhile. */
    public void greetIoUring() {
        IoUring present = ring;
        if (present != null) {
            present.greet();
        }
    }

    /**
     * Bytes of the longest frame that a read will give, virtio-net header included, as far as is known:
     * {@link TapDevice#MAX_FRAME_BYTES} while the kernel may give frames that are to be segmented.
     */
    public int longestFrame() {
        return longestFrame;
    }

    /** After a frame longer than {@link #longestFrame()}: anything is possible until the device is asked again. */
    public void forgetLongestFrame() {
        longestFrame = TapDevice.MAX_FRAME_BYTES;
    }

    /** Says what is known about the frames to come. */
    public void longestFrame(int bytes) {
        longestFrame = bytes;
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

    /** Takes what the kernel says, after another holder of the same file description has changed it. */
    void learnAttached() {
        if (ofKernel) {
            attached = isAttachedNow();
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
        if (ring != null) {
            ring.close(); // it has the file open as well
            ring = null;
        }
        fdValue = CLOSED; // a number that the kernel gives out again must not be read through this queue
        fd.close();
    }

    @Override
    public String toString() {
        return device + " queue " + index + (fdValue == CLOSED ? " (closed)" : attached ? "" : " (detached)");
    }
}
