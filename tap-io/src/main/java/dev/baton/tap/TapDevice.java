package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import java.util.List;
import java.util.function.Supplier;

/**
 * A multiqueue TAP device: an Ethernet interface of the kernel whose wire is this process.
 *
 * <h2>Theory of Operation</h2>
 *
 * <pre>
 *    this process                        the kernel
 *
 *    TapDevice
 *      TapQueue 0 -- fd 7 --+
 *                           +--> file description A = queue 0 --+
 *      (a duplicate) fd 9 --+      O_NONBLOCK, attached or not, |
 *                                  frames that wait             +--> interface tap0, in a network namespace
 *      TapQueue 1 -- fd 8 -----> file description B = queue 1 --+      name, up, MTU, MAC, persistent,
 *                                                                      header size, offloads, send buffer
 * </pre>
 *
 * <p><b>What a queue is.</b> Each open of /dev/net/tun makes one <em>file description</em>, and TUNSETIFF makes it a
 * queue of an interface. A descriptor is only a number that refers to it: a duplicate, also one in another process
 * (fork, SCM_RIGHTS), is the same queue with the same waiting frames. Whoever reads first has the frame. The queue ends
 * with the last descriptor; an interface that is not persistent ends with its last queue.
 *
 * <p><b>What is set where.</b> Per file description: the non-blocking flag, and attach or detach (TUNSETQUEUE). Per
 * interface, through whichever queue it is said, and seen by every process at once: header size (TUNSETVNETHDRSZ), byte
 * order (TUNSETVNETLE), offloads (TUNSETOFFLOAD), send buffer, persistence, and the flags of TUNSETIFF itself, which
 * each further TUNSETIFF sets anew. This is why {@link #adopt} sets nothing at all: the owner that handed a queue over
 * may have to go on with it.
 *
 * <p><b>The frame.</b> Every read and write moves one frame: a virtio_net_hdr_v1 of 12 bytes, little-endian, then
 * Ethernet without FCS, no packet information. With offloads set the kernel delivers frames of up to 64 KiB with a GSO
 * type in the header; what is written may carry one at any time.
 *
 * <p><b>Errors while it runs</b> ({@link IoOutcome} sorts them; seen on Linux 6.18):
 * <ul>
 * <li>EAGAIN. Read: no frame waits. Write: the send buffer is full; the frame is still the caller's. Not a drop.
 * <li>EIO on write: the interface is down. The frame is lost, the queue is as good as before. A read from a queue of
 *     an interface that is down gives EAGAIN.
 * <li>EINVAL on write: the frame is shorter than its header and 14 bytes of Ethernet, or the header contradicts it. On
 *     read: not even the header fits; the kernel has thrown the frame away.
 * <li>EFAULT: a segment's memory is not there. The frame is lost.
 * <li>EBADFD: the interface was deleted, or the descriptor never was a queue. For ever.
 * <li>None at all where one would look for it: a frame longer than the buffers of its read is cut off to fit, and a
 *     <em>detached</em> queue reads EAGAIN and writes as if it were attached.
 * </ul>
 *
 * <p><b>Queues.</b> The kernel spreads frames over the attached queues by flow, and sends a flow back on the queue it
 * was last written to. Detaching throws away the frames that wait in the queue and renumbers the rest.
 *
 * <p><b>Namespaces.</b> An interface is made in the namespace in which /dev/net/tun was opened. I/O and TUN ioctls work
 * from any namespace; MTU, MAC and up are reached under
 * the interface's present name, by the calling thread entering its namespace for the length of the call.
 *
 * <p>Control calls are for one thread at a time and throw {@link TapException}.
 */
public final class TapDevice implements AutoCloseable {
    /** Length of the virtio-net header before each frame. */
    public static final int HEADER_BYTES = 12;
    /** What stands around an IP packet at most: header, Ethernet header with two VLAN tags. */
    private static final int AROUND_IP = HEADER_BYTES + 14 + 2 * 4;
    /** Largest frame a read gives: header, Ethernet header with two VLAN tags, 65535 bytes of IP. */
    public static final int MAX_FRAME_BYTES = AROUND_IP + 65535;

    private final String name;
    private final List<TapQueue> queues;
    private final boolean multiQueue;
    private final InterfaceScope scope;
    private int probedOffloads;
    private int offloads;

    TapDevice(String name, List<TapQueue> queues, boolean multiQueue, InterfaceScope scope, int probedOffloads,
        int offloads) {
        this.name = name;
        this.queues = List.copyOf(queues);
        this.multiQueue = multiQueue;
        this.scope = scope;
        this.probedOffloads = probedOffloads;
        this.offloads = offloads;
    }

    /**
     * Opens, and makes if it is not there, the interface: multiqueue when more than one queue is asked for, header size
     * 12, little-endian, queues attached and non-blocking, offloads tried and then left off. An interface that exists
     * gets these settings too, which the other processes that have it open will notice.
     *
     * @throws TapException with the call and the reason; everything that was opened is closed again
     */
    public static TapDevice open(TapConfig config) {
        return new TapOpener(config).open();
    }

    /**
     * Takes over queues that the caller holds already, all of one device. They are looked at (TUNGETIFF,
     * TUNGETVNETHDRSZ, TUNGETDEVNETNS, F_GETFL) and nothing is set on them. Which offloads the kernel takes, and which
     * are on, cannot be asked: both are 0 until {@link #probeOffloads()} or {@link #setOffloads}.
     *
     * @param descriptors owned by the device from now on; when it throws they are still the caller's
     * @throws TapException when one is no TAP queue, is of another device, is blocking, or has no 12-byte header
     */
    public static TapDevice adopt(List<Fd> descriptors) {
        return adopt(descriptors, 0, 0);
    }

    /** As {@link #adopt(List)}, with what the former owner knew about the offloads. */
    public static TapDevice adopt(List<Fd> descriptors, int probedOffloads, int offloads) {
        return TapAdopter.adopt(descriptors, probedOffloads, offloads);
    }

    /**
     * Takes over a device whose owner described it with {@link #state()}, perhaps in another process. As in
     * {@link #adopt} the descriptors are only looked at, so that the former owner can go on if this one does not: a
     * state that is not what the kernel says is refused, not made true.
     *
     * @param state its descriptors are owned by the device from now on; when it throws they are still the caller's
     * @throws TapException which names the queue and the field that differs
     */
    public static TapDevice restore(TapState state) {
        return TapRestorer.restore(state, false);
    }

    /**
     * As {@link #restore}, with a state that may be older than the device is: which queues are attached is not
     * compared, and may change until {@link #refresh()}.
     */
    public static TapDevice restoreOlder(TapState state) {
        return TapRestorer.restore(state, true);
    }

    /** After the former owner's end: learns which queues are attached, and sets the offloads that are said to be on. */
    public void refresh() {
        queues.forEach(TapQueue::learnAttached);
        setOffloads(offloads);
    }

    /**
     * What somebody needs to take the device over: all queues, in order, detached ones too. The descriptors in it are
     * borrowed, good until {@link #close()}; to send them over a socket duplicates them.
     */
    public TapState state() {
        return TapRestorer.save(this);
    }

    /** The interface's name as it was when the device was opened. */
    public String name() {
        return name;
    }

    /** How many queues this process holds, detached ones too. */
    public int queueCount() {
        return queues.size();
    }

    /** One of the queues, from 0. */
    public TapQueue queue(int index) {
        return queues.get(index);
    }

    List<TapQueue> queues() {
        return queues;
    }

    /** Whether the interface can have more than one queue, and its queues can be detached. */
    public boolean multiQueue() {
        return multiQueue;
    }

    /** The TUN_F_* flags that the kernel takes, as far as that was tried. */
    public int probedOffloads() {
        return probedOffloads;
    }

    /** The TUN_F_* flags set last. */
    public int offloads() {
        return offloads;
    }

    /** Tries which TUN_F_* flags the kernel takes, and puts back those set last. Disturbs a device in use. */
    public int probeOffloads() {
        probedOffloads = ask("the kernel does not say what it takes", () -> TapOffloads.probe(control(), offloads));
        return probedOffloads;
    }

    /**
     * Says which unfinished frames this side can take from the device.
     *
     * @param tunF a set of TUN_F_* flags; see {@link TapOffloads#usable}
     */
    public void setOffloads(int tunF) {
        queues.forEach(TapQueue::forgetLongestFrame);
        tell("the kernel does not take the offloads " + TapOffloads.describe(tunF),
            () -> TunTap.setOffload(control(), tunF));
        offloads = tunF;
        learnLongestFrame();
    }

    /**
     * Asks how long the frames are that reads give from now on, see {@link TapQueue#longestFrame()}. Anybody may change
     * that: the MTU, say.
     */
    public void learnLongestFrame() {
        boolean segmented = (offloads & ~TunTap.TUN_F_CSUM) != 0;
        int bytes = segmented ? MAX_FRAME_BYTES : Math.min(MAX_FRAME_BYTES, AROUND_IP + mtu());
        queues.forEach(queue -> queue.longestFrame(bytes));
    }

    /** Length of the header as the kernel has it: {@value #HEADER_BYTES} unless somebody changed it. */
    public int headerBytes() {
        return ask("the interface is gone", () -> TunTap.vnetHdrSize(control()));
    }

    /** Whether the interface will stay when the last descriptor is closed. */
    public boolean persistent() {
        return ask("the interface is gone", () -> (TunTap.getIff(control()).flags() & TunTap.IFF_PERSIST) != 0);
    }

    /** Makes the interface stay or not. */
    public void persistent(boolean wanted) {
        tell("the interface stays as it was", () -> TunTap.setPersistent(control(), wanted));
    }

    /** Whether there still is an interface behind the queues: anybody may delete it, for good. */
    public boolean exists() {
        try {
            return !TunTap.getIff(control()).name().isEmpty();
        } catch (SyscallException e) {
            if (e.errno() == Errno.EBADFD) {
                return false;
            }
            throw new TapException(name, e, "no answer about the interface");
        }
    }

    /** Whether the interface is up. */
    public boolean isUp() {
        return ask("no answer about the interface", () -> scope.call(NetDevice::isUp));
    }

    /** Brings the interface up or down. What it is already needs no privilege. */
    public void up(boolean wanted) {
        if (isUp() == wanted) {
            return;
        }
        tell("the interface cannot be brought " + (wanted ? "up" : "down"),
            () -> scope.run(device -> NetDevice.up(device, wanted)));
    }

    /** The MTU in bytes. */
    public int mtu() {
        return ask("no answer about the interface", () -> scope.call(NetDevice::mtu));
    }

    /** Sets the MTU in bytes. */
    public void mtu(int bytes) {
        queues.forEach(TapQueue::forgetLongestFrame);
        tell("MTU " + bytes + " is not possible", () -> scope.run(device -> NetDevice.mtu(device, bytes)));
    }

    /** The Ethernet address of the kernel's end. */
    public MacAddress mac() {
        return MacAddress.of(ask("no answer about the interface", () -> scope.call(NetDevice::hardwareAddress)));
    }

    /** Sets the Ethernet address of the kernel's end. */
    public void mac(MacAddress address) {
        tell("MAC address " + address + " is not possible",
            () -> scope.run(device -> NetDevice.hardwareAddress(device, address.octets())));
    }

    /** The interface's index in its namespace. */
    public int interfaceIndex() {
        return ask("no answer about the interface", () -> scope.call(NetDevice::index));
    }

    /** Closes the device and removes a persistent interface as well, once no other process has it open. */
    public void remove() {
        persistent(false);
        close();
    }

    /** Closes every descriptor. The interface goes if it is not persistent and nobody else has it open. Idempotent. */
    @Override
    public void close() {
        queues.forEach(TapQueue::close);
        scope.close();
    }

    @Override
    public String toString() {
        return "TAP " + name + ", queues=" + queues.size();
    }

    /** Device-wide ioctls go through the first queue; a detached one serves as well. */
    private Fd control() {
        return queues.getFirst().fd();
    }

    private <T> T ask(String reason, Supplier<T> call) {
        try {
            return call.get();
        } catch (SyscallException e) {
            throw new TapException(name, e, reason);
        }
    }

    private void tell(String reason, Runnable call) {
        try {
            call.run();
        } catch (SyscallException e) {
            throw new TapException(name, e, reason);
        }
    }
}
