package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import java.util.ArrayList;
import java.util.List;

/**
 * A device whose wire comes back: what is written to a queue is read from the same queue.
 *
 * <h2>Theory of Operation</h2>
 *
 * <pre>
 *    LoopbackDevice
 *      TapQueue 0 -- fd 7 --&gt; datagram socket, connected to itself     no interface, no address, no name
 *                              write --&gt; [frame][frame] --&gt; read       that anybody else could use
 *      TapQueue 1 -- fd 8 --&gt; another one
 * </pre>
 *
 * <p><b>Why it exists.</b> A front end must not know which back end it talks to. As long as TAP is the only back end
 * nothing proves that. This one is wholly different: no interface, no ioctl, no privilege, nothing to attach, other
 * state to hand over. What serves a front end with both, and hands both over, knows neither. It is a guest's own echo
 * as well: frames go through the whole datapath and come back.
 *
 * <p><b>The frame</b> is that of {@link TapDevice}, virtio-net header first, and it comes back as it was given, the
 * header too. Nobody fills in a checksum or cuts a large frame, so a guest must be able to take what it sends.
 *
 * <p><b>Where frames wait</b>: in the socket, which belongs to the open file description. Like the queue of a TAP it is
 * shared by duplicates, also in another process, and goes with the last of them. A socket that is connected to itself
 * is not held to {@code net.unix.max_dgram_qlen}; what may wait is what its send buffer holds, and the kernel counts
 * all that it needs for a frame, 768 bytes for the shortest. {@link #open} asks for {@value #SEND_BUFFER_BYTES}
 * bytes, which the kernel doubles: 2731 short frames, 911 of 1526 bytes or 31 of the longest (seen on Linux 6.18).
 * Where {@code net.core.wmem_max} is what it is by default, 212992, it is a fifth of that.
 *
 * <p><b>Errors while it runs.</b> EAGAIN on a write: the queue is full; the frame is still the caller's and is no drop.
 * EMSGSIZE: longer than the send buffer. No frame is refused for what is in it.
 *
 * <p>Nothing is set by {@link #adopt}, for the reason that is told at {@link TapDevice}.
 */
public final class LoopbackDevice implements AutoCloseable {
    /** What {@link #open} asks for per queue; {@code net.core.wmem_max} may give less. */
    private static final int SEND_BUFFER_BYTES = 1 << 20;
    /** What the kernel keeps of a send buffer for itself when it says how long a datagram may be. */
    private static final int RESERVED_BYTES = 32;

    private final String name;
    private final List<TapQueue> queues;

    private LoopbackDevice(String name, List<TapQueue> queues) {
        this.name = name;
        this.queues = List.copyOf(queues);
    }

    /**
     * Opens a loopback with empty queues.
     *
     * @param name for reports
     * @param queues how many, 1 to {@value TapConfig#MAX_QUEUES}
     * @throws TapException when there is no descriptor left; everything that was opened is closed again
     */
    public static LoopbackDevice open(String name, int queues) {
        List<Fd> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < queues; i++) {
                Fd socket = UnixSocket.loop();
                sockets.add(socket);
                UnixSocket.sendBuffer(socket, SEND_BUFFER_BYTES);
            }
            return adopt(name, sockets);
        } catch (SyscallException e) {
            sockets.forEach(Fd::close);
            throw TapException.ofLoopback(name, e, e.errno() == Errno.EMFILE || e.errno() == Errno.ENFILE
                ? "no descriptor left after " + sockets.size() + " queues" : "cannot open queue " + sockets.size());
        } catch (TapException e) {
            sockets.forEach(Fd::close);
            throw e;
        }
    }

    /**
     * Takes over the queues of a loopback that somebody else opened, with the frames that wait in them.
     *
     * @param name for reports
     * @param descriptors owned by the device from now on; when it throws they are still the caller's
     * @throws TapException which names the descriptor and says why it is no queue of a loopback
     */
    public static LoopbackDevice adopt(String name, List<Fd> descriptors) {
        if (descriptors.isEmpty() || descriptors.size() > TapConfig.MAX_QUEUES) {
            throw TapException.ofLoopback(name, "a loopback has 1 to " + TapConfig.MAX_QUEUES + " queues, not "
                + descriptors.size());
        }
        List<TapQueue> queues = new ArrayList<>();
        for (int i = 0; i < descriptors.size(); i++) {
            Fd fd = descriptors.get(i);
            check(name, i, fd);
            queues.add(TapQueue.ofSocket(name, i, fd));
        }
        return new LoopbackDevice(name, queues);
    }

    private static void check(String name, int index, Fd fd) {
        if (!UnixSocket.isUnix(fd)) {
            throw TapException.ofSocket(name, index, fd, "is no UNIX socket");
        }
        if (!UnixSocket.isDatagram(fd)) {
            throw TapException.ofSocket(name, index, fd, "is no datagram socket");
        }
        if (!UnixSocket.isLoop(fd)) {
            throw TapException.ofSocket(name, index, fd, "is not connected to itself");
        }
        int largest = UnixSocket.sendBuffer(fd) - RESERVED_BYTES;
        if (largest < TapDevice.MAX_FRAME_BYTES) {
            throw TapException.ofSocket(name, index, fd, "has a send buffer for frames of " + largest + " bytes, "
                + TapDevice.MAX_FRAME_BYTES + " are needed (SO_SNDBUF, net.core.wmem_max)");
        }
    }

    /** The name for reports. */
    public String name() {
        return name;
    }

    /** How many queues there are. */
    public int queueCount() {
        return queues.size();
    }

    /** One of the queues, from 0. */
    public TapQueue queue(int index) {
        return queues.get(index);
    }

    /** Closes every descriptor. Frames that wait go with the last duplicate. Idempotent. */
    @Override
    public void close() {
        queues.forEach(TapQueue::close);
    }

    @Override
    public String toString() {
        return "loopback " + name + ", queues=" + queues.size();
    }
}
