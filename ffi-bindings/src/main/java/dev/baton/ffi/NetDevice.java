package dev.baton.ffi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import java.util.function.Function;

/** Network interfaces by name, in the network namespace of the calling thread; see netdevice(7). */
@CHeader({"sys/socket.h", "sys/ioctl.h", "net/if.h", "net/if_arp.h"})
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
    static final int ARPHRD_ETHER = 1;

    private static final int MAC_BYTES = 6;
    private static final int IPV4_BYTES = 4;
    /** In {@code struct sockaddr}: the bytes after the family. */
    private static final long SOCKADDR_DATA = InterfaceRequest.VALUE + Short.BYTES;
    /** In {@code struct sockaddr_in}: the address, after family and port. */
    private static final long SOCKADDR_IN_ADDR = InterfaceRequest.VALUE + 2 * Short.BYTES;

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
        int flags = flags(name);
        int wanted = up ? flags | IFF_UP : flags & ~IFF_UP;
        request(name, "SIOCSIFFLAGS", SIOCSIFFLAGS,
            ifreq -> ifreq.set(JAVA_SHORT, InterfaceRequest.VALUE, (short) wanted), ifreq -> 0);
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
        return request(name, "SIOCGIFHWADDR", SIOCGIFHWADDR, ifreq -> { },
            ifreq -> ifreq.asSlice(SOCKADDR_DATA, MAC_BYTES).toArray(JAVA_BYTE));
    }

    /** Sets the Ethernet address, 6 bytes. */
    public static void hardwareAddress(String name, byte[] address) {
        if (address.length != MAC_BYTES) {
            throw new IllegalArgumentException("an Ethernet address has 6 bytes, not " + address.length);
        }
        request(name, "SIOCSIFHWADDR", SIOCSIFHWADDR, ifreq -> {
            ifreq.set(JAVA_SHORT, InterfaceRequest.VALUE, (short) ARPHRD_ETHER);
            MemorySegment.copy(address, 0, ifreq, JAVA_BYTE, SOCKADDR_DATA, MAC_BYTES);
        }, ifreq -> 0);
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
        request(name, "SIOCSIFADDR", SIOCSIFADDR, ifreq -> internetAddress(ifreq, bytes), ifreq -> 0);
        request(name, "SIOCSIFNETMASK", SIOCSIFNETMASK, ifreq -> internetAddress(ifreq, new byte[] {
            (byte) (mask >>> 24), (byte) (mask >>> 16), (byte) (mask >>> 8), (byte) mask}), ifreq -> 0);
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

    private static void internetAddress(MemorySegment ifreq, byte[] address) {
        ifreq.set(JAVA_SHORT, InterfaceRequest.VALUE, (short) Socket.AF_INET);
        MemorySegment.copy(address, 0, ifreq, JAVA_BYTE, SOCKADDR_IN_ADDR, IPV4_BYTES);
    }

    private static int flags(String name) {
        return request(name, "SIOCGIFFLAGS", SIOCGIFFLAGS, ifreq -> { },
            ifreq -> Short.toUnsignedInt(ifreq.get(JAVA_SHORT, InterfaceRequest.VALUE)));
    }

    private static int getInt(String name, String call, int request) {
        return request(name, call, request, ifreq -> { }, ifreq -> ifreq.get(JAVA_INT, InterfaceRequest.VALUE));
    }

    private static void setInt(String name, String call, int request, int value) {
        request(name, call, request, ifreq -> ifreq.set(JAVA_INT, InterfaceRequest.VALUE, value), ifreq -> 0);
    }

    /** One request, over a socket of its own: it belongs to the namespace that the thread is in now. */
    private static <T> T request(String name, String call, int request,
        Consumer<MemorySegment> before, Function<MemorySegment, T> after) {
        try (Arena arena = Arena.ofConfined(); Fd socket = Socket.open(Socket.AF_INET, Socket.SOCK_DGRAM)) {
            MemorySegment ifreq = InterfaceRequest.of(name, arena);
            before.accept(ifreq);
            Ioctl.call(socket, call + " \"" + name + "\"", request, ifreq.address());
            return after.apply(ifreq);
        }
    }
}
