package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The TUN/TAP driver, by ioctl(2) on descriptors of {@code /dev/net/tun}; see the kernel's
 * {@code networking/tuntap.rst} and {@code linux/if_tun.h}. Each descriptor is one queue of a device.
 */
@CHeader(value = {"sys/ioctl.h", "sys/socket.h", "linux/if.h", "linux/if_tun.h"},
    mayLack = {"TUN_F_USO4", "TUN_F_USO6", "TUN_F_UDP_TUNNEL_GSO"})
public final class TunTap {
    /** IP packets. */
    public static final int IFF_TUN = 0x1;
    /** Ethernet frames, not IP packets. */
    public static final int IFF_TAP = 0x2;
    /** NAPI in the driver's receive path. */
    public static final int IFF_NAPI = 0x10;
    /** Many queues, one descriptor each. */
    public static final int IFF_MULTI_QUEUE = 0x100;
    /** Argument of TUNSETQUEUE. */
    public static final int IFF_ATTACH_QUEUE = 0x200;
    /** Argument of TUNSETQUEUE; reported by {@link #getIff} for a queue that is detached. */
    public static final int IFF_DETACH_QUEUE = 0x400;
    /** The device stays when its last descriptor is closed; reported by {@link #getIff}. */
    public static final int IFF_PERSIST = 0x800;
    /** No packet information before the frame. */
    public static final int IFF_NO_PI = 0x1000;
    /** A virtio-net header before the frame. */
    public static final int IFF_VNET_HDR = 0x4000;
    /** Refuse a device that exists. */
    public static final int IFF_TUN_EXCL = 0x8000;

    public static final int TUN_F_CSUM = 0x01;
    public static final int TUN_F_TSO4 = 0x02;
    public static final int TUN_F_TSO6 = 0x04;
    public static final int TUN_F_TSO_ECN = 0x08;
    public static final int TUN_F_UFO = 0x10;
    /** Since Linux 6.2. */
    public static final int TUN_F_USO4 = 0x20;
    /** Since Linux 6.2. */
    public static final int TUN_F_USO6 = 0x40;
    /** Since Linux 6.17. Takes a virtio-net header that is longer than 12 bytes. */
    public static final int TUN_F_UDP_TUNNEL_GSO = 0x80;

    static final long TUNSETIFF = Ioctl.write('T', 202, Integer.BYTES);
    static final long TUNSETPERSIST = Ioctl.write('T', 203, Integer.BYTES);
    static final long TUNGETFEATURES = Ioctl.read('T', 207, Integer.BYTES);
    static final long TUNSETOFFLOAD = Ioctl.write('T', 208, Integer.BYTES);
    static final long TUNGETIFF = Ioctl.read('T', 210, Integer.BYTES);
    static final long TUNSETSNDBUF = Ioctl.write('T', 212, Integer.BYTES);
    static final long TUNGETVNETHDRSZ = Ioctl.read('T', 215, Integer.BYTES);
    static final long TUNSETVNETHDRSZ = Ioctl.write('T', 216, Integer.BYTES);
    static final long TUNSETQUEUE = Ioctl.write('T', 217, Integer.BYTES);
    static final long TUNSETVNETLE = Ioctl.write('T', 220, Integer.BYTES);
    static final long TUNGETVNETLE = Ioctl.read('T', 221, Integer.BYTES);
    static final long TUNGETDEVNETNS = Ioctl.plain('T', 227);

    private static final String CLONE_DEVICE = "/dev/net/tun";

    private TunTap() {
    }

    /**
     * What a descriptor is attached to.
     *
     * @param name  name of the interface, in the namespace where it was made
     * @param flags {@code IFF_*}
     */
    public record Iff(String name, int flags) {
    }

    /**
     * Opens the clone device: a descriptor that is no queue yet, not blocking. It belongs to the network namespace that
     * the thread is in now, and so does the device that {@link #setIff} makes with it, from wherever that is called.
     */
    public static Fd openClone() {
        return FileIo.open(CLONE_DEVICE, FileIo.O_RDWR | FileIo.O_NONBLOCK, 0);
    }

    /**
     * TUNSETIFF: makes the descriptor a queue, of a new device or of one that is there, in the
     * namespace where the descriptor was opened.
     *
     * @param fd    a descriptor of the clone device
     * @param name  name of the interface; may hold {@code %d}, or be empty
     * @param flags {@code IFF_*}
     * @return the name that the interface has
     */
    public static String setIff(Fd fd, String name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = InterfaceRequest.of(name, arena);
            InterfaceRequest.value(request).set(JAVA_SHORT, 0, (short) flags);
            Ioctl.call(fd, "TUNSETIFF \"" + name + "\"", TUNSETIFF, request.address());
            return InterfaceRequest.name(request);
        }
    }

    /** TUNGETIFF: what the descriptor is a queue of. */
    public static Iff getIff(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = InterfaceRequest.of("", arena);
            Ioctl.call(fd, "TUNGETIFF", TUNGETIFF, request.address());
            int flags = Short.toUnsignedInt(InterfaceRequest.value(request).get(JAVA_SHORT, 0));
            return new Iff(InterfaceRequest.name(request), flags);
        }
    }

    /** TUNGETFEATURES: the {@code IFF_*} that this kernel knows. */
    public static long features(Fd fd) {
        return Integer.toUnsignedLong(Ioctl.get(fd, "TUNGETFEATURES", TUNGETFEATURES));
    }

    /** TUNSETOFFLOAD: what we take off the kernel, {@code TUN_F_*}; EINVAL for one that it does not know. */
    public static void setOffload(Fd fd, int offloads) {
        Ioctl.call(fd, "TUNSETOFFLOAD " + offloads, TUNSETOFFLOAD, offloads);
    }

    /** TUNGETVNETHDRSZ: bytes of the virtio-net header. */
    public static int vnetHdrSize(Fd fd) {
        return Ioctl.get(fd, "TUNGETVNETHDRSZ", TUNGETVNETHDRSZ);
    }

    /** TUNSETVNETHDRSZ: bytes of the virtio-net header, 10 or 12. */
    public static void setVnetHdrSize(Fd fd, int bytes) {
        Ioctl.set(fd, "TUNSETVNETHDRSZ", TUNSETVNETHDRSZ, bytes);
    }

    /** TUNSETVNETLE: the virtio-net header is little-endian whatever the machine is. */
    public static void setVnetLittleEndian(Fd fd, boolean littleEndian) {
        Ioctl.set(fd, "TUNSETVNETLE", TUNSETVNETLE, littleEndian ? 1 : 0);
    }

    /** TUNGETVNETLE: whether {@link #setVnetLittleEndian} was set. */
    public static boolean isVnetLittleEndian(Fd fd) {
        return Ioctl.get(fd, "TUNGETVNETLE", TUNGETVNETLE) != 0;
    }

    /** TUNSETQUEUE: lets the kernel use the queue, or not; a detached queue keeps its descriptor. */
    public static void setQueueAttached(Fd fd, boolean attached) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = InterfaceRequest.of("", arena);
            int flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
            InterfaceRequest.value(request).set(JAVA_SHORT, 0, (short) flags);
            Ioctl.call(fd, "TUNSETQUEUE", TUNSETQUEUE, request.address());
        }
    }

    /** TUNSETSNDBUF: bytes of frames, written to the device, that may be on their way; more is EAGAIN. */
    public static void setSendBuffer(Fd fd, int bytes) {
        Ioctl.set(fd, "TUNSETSNDBUF", TUNSETSNDBUF, bytes);
    }

    /**
     * TUNGETDEVNETNS: the network namespace that the interface is in, as a new descriptor. Needs CAP_NET_ADMIN there.
     */
    public static Fd namespace(Fd fd) {
        return Fd.adopt((int) SyscallException.check(
            fd.use(file -> Ioctl.ioctl(file, TUNGETDEVNETNS, 0)), "ioctl(TUNGETDEVNETNS)"));
    }

    /** TUNSETPERSIST: whether the device stays when its last descriptor is closed. */
    public static void setPersistent(Fd fd, boolean persistent) {
        Ioctl.call(fd, "TUNSETPERSIST", TUNSETPERSIST, persistent ? 1 : 0);
    }
}
