package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.function.Consumer;
import java.util.function.Function;

/** Network interfaces by name, in the network namespace of the calling thread; see netdevice(7). */
@CHeader({"sys/socket.h", "sys/ioctl.h", "net/if.h", "net/if_arp.h", "netinet/in.h"})
public final class NetDevice {
    static final int SIOCGIFFLAGS = 0x8913;
    static final int SIOCSIFFLAGS = 0x8914;
    static final int SIOCGIFADDR = 0x8915;
    static final int SIOCSIFADDR = 0x8916;
    static final int SIOCSIFNETMASK = 0x891c;
    static final int SIOCGIFMTU = 0x8921;
    static final int SIOCSIFMTU = 0x8922;
    static final int SIOCSIFHWADDR = 0x8924;
    static final int SIOCGIFHWADDR = 0x8927;
    static final int SIOCGIFINDEX = 0x8933;
    static final int SIOCGIFTXQLEN = 0x8942;
    static final int SIOCSIFTXQLEN = 0x8943;
    static final int IFF_UP = 0x1;
    static final int IFF_RUNNING = 0x40;
    static final int IFF_NOARP = 0x80;
    static final int ARPHRD_ETHER = 1;

    static final StructLayout SOCKADDR = MemoryLayout.structLayout(
        JAVA_SHORT.withName("sa_family"),
        MemoryLayout.sequenceLayout(14, JAVA_BYTE).withName("sa_data")).withName("sockaddr");

    static final StructLayout SOCKADDR_IN = MemoryLayout.structLayout(
        JAVA_SHORT.withName("sin_family"),
        JAVA_SHORT.withName("sin_port"),
        JAVA_INT.withName("sin_addr"),
        MemoryLayout.sequenceLayout(8, JAVA_BYTE).withName("sin_zero")).withName("sockaddr_in");

    private static final int MAC_BYTES = 6;
    private static final int IPV4_BYTES = 4;
    private static final long MAC = SOCKADDR.byteOffset(groupElement("sa_data"));
    private static final long IPV4 = SOCKADDR_IN.byteOffset(groupElement("sin_addr"));

    private NetDevice() {
    }

    /** Whether there is an interface of that name. */
    public static boolean exists(String name) {
        try {
            index(name);
            return true;
        } catch (SyscallException e) {
            if (e.errno() == Errno.ENODEV) {
                return false;
            }
            throw e;
        }
    }

    /** Index of the interface. */
    public static int index(String name) {
        return getInt(name, "SIOCGIFINDEX", SIOCGIFINDEX);
    }

    /** Whether the interface is administratively up. */
    public static boolean isUp(String name) {
        return (flags(name) & IFF_UP) != 0;
    }

    /** Whether the interface is up and has a carrier. */
    public static boolean isRunning(String name) {
        return (flags(name) & IFF_RUNNING) != 0;
    }

    /** Takes the interface up or down. */
    public static void up(String name, boolean up) {
        flag(name, IFF_UP, up);
    }

    /** Has frames go out with the interface's own Ethernet address, and no neighbour is asked for another. */
    public static void noArp(String name, boolean noArp) {
        flag(name, IFF_NOARP, noArp);
    }

    private static void flag(String name, int flag, boolean set) {
        int flags = flags(name);
        int wanted = set ? flags | flag : flags & ~flag;
        request(name, "SIOCSIFFLAGS", SIOCSIFFLAGS,
            value -> value.set(JAVA_SHORT, 0, (short) wanted), value -> 0);
    }

    /** Bytes of the largest IP packet. */
    public static int mtu(String name) {
        return getInt(name, "SIOCGIFMTU", SIOCGIFMTU);
    }

    /** Sets the bytes of the largest IP packet. */
    public static void mtu(String name, int mtu) {
        setInt(name, "SIOCSIFMTU", SIOCSIFMTU, mtu);
    }

    /** Packets that the interface's transmit queue holds; for a TAP, frames that wait to be read. */
    public static int transmitQueueLength(String name) {
        return getInt(name, "SIOCGIFTXQLEN", SIOCGIFTXQLEN);
    }

    /** Sets the packets that the interface's transmit queue holds. */
    public static void transmitQueueLength(String name, int packets) {
        setInt(name, "SIOCSIFTXQLEN", SIOCSIFTXQLEN, packets);
    }

    /** The Ethernet address, 6 bytes. */
    public static byte[] hardwareAddress(String name) {
        return request(name, "SIOCGIFHWADDR", SIOCGIFHWADDR, value -> { },
            value -> value.asSlice(MAC, MAC_BYTES).toArray(JAVA_BYTE));
    }

    /** Sets the Ethernet address, 6 bytes. */
    public static void hardwareAddress(String name, byte[] address) {
        if (address.length != MAC_BYTES) {
            throw new IllegalArgumentException("an Ethernet address has 6 bytes, not " + address.length);
        }
        request(name, "SIOCSIFHWADDR", SIOCSIFHWADDR, value -> {
            value.set(JAVA_SHORT, 0, (short) ARPHRD_ETHER);
            MemorySegment.copy(address, 0, value, JAVA_BYTE, MAC, MAC_BYTES);
        }, value -> 0);
    }

    /**
     * Gives the interface its IPv4 address.
     *
     * @param name    name of the interface
     * @param address such as {@code 10.0.0.1}
     * @param prefix  leading bits that name the network, 0 to 32
     */
    public static void ipv4Address(String name, String address, int prefix) {
        if (prefix < 0 || prefix > Integer.SIZE) {
            throw new IllegalArgumentException("a prefix has 0 to 32 bits, not " + prefix);
        }
        int mask = prefix == 0 ? 0 : -1 << (Integer.SIZE - prefix);
        byte[] bytes = ipv4(address);
        request(name, "SIOCSIFADDR", SIOCSIFADDR, value -> internetAddress(value, bytes), value -> 0);
        request(name, "SIOCSIFNETMASK", SIOCSIFNETMASK, value -> internetAddress(value, new byte[] {
            (byte) (mask >>> 24), (byte) (mask >>> 16), (byte) (mask >>> 8), (byte) mask}), value -> 0);
    }

    private static byte[] ipv4(String address) {
        String[] parts = address.split("\\.", -1);
        if (parts.length != IPV4_BYTES) {
            throw new IllegalArgumentException("not an IPv4 address: " + address);
        }
        byte[] bytes = new byte[IPV4_BYTES];
        for (int i = 0; i < IPV4_BYTES; i++) {
            if (!parts[i].matches("\\d{1,3}") || Integer.parseInt(parts[i]) > 255) {
                throw new IllegalArgumentException("not an IPv4 address: " + address);
            }
            bytes[i] = (byte) Integer.parseInt(parts[i]);
        }
        return bytes;
    }

    /** Fills a {@link #SOCKADDR_IN}, all but the port, with an address such as {@code 10.0.0.1}. */
    static void internetAddress(MemorySegment value, String address) {
        internetAddress(value, ipv4(address));
    }

    private static void internetAddress(MemorySegment value, byte[] address) {
        value.set(JAVA_SHORT, 0, (short) Socket.AF_INET);
        MemorySegment.copy(address, 0, value, JAVA_BYTE, IPV4, IPV4_BYTES);
    }

    private static int flags(String name) {
        return request(name, "SIOCGIFFLAGS", SIOCGIFFLAGS, value -> { },
            value -> Short.toUnsignedInt(value.get(JAVA_SHORT, 0)));
    }

    private static int getInt(String name, String call, int request) {
        return request(name, call, request, value -> { }, value -> value.get(JAVA_INT, 0));
    }

    private static void setInt(String name, String call, int request, int value) {
        request(name, call, request, argument -> argument.set(JAVA_INT, 0, value), argument -> 0);
    }

    /** One request, over a socket of its own: it belongs to the namespace that the thread is in now. */
    private static <T> T request(String name, String call, int request,
        Consumer<MemorySegment> before, Function<MemorySegment, T> after) {
        try (Arena arena = Arena.ofConfined(); Fd socket = Socket.open(Socket.AF_INET, Socket.SOCK_DGRAM)) {
            MemorySegment ifreq = InterfaceRequest.of(name, arena);
            before.accept(InterfaceRequest.value(ifreq));
            Ioctl.call(socket, call + " \"" + name + "\"", request, ifreq.address());
            return after.apply(InterfaceRequest.value(ifreq));
        }
    }
}
