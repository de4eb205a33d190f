package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/** What the driver of a network interface says about itself, in the namespace of the calling thread; see ethtool(8). */
@CHeader({"linux/sockios.h", "linux/ethtool.h"})
public final class Ethtool {
    static final int SIOCETHTOOL = 0x8946;
    static final int ETHTOOL_GDRVINFO = 0x3;
    static final StructLayout ETHTOOL_DRVINFO = MemoryLayout.structLayout(
        JAVA_INT.withName("cmd"),
        MemoryLayout.sequenceLayout(32, JAVA_BYTE).withName("driver"),
        MemoryLayout.sequenceLayout(32, JAVA_BYTE).withName("version"),
        MemoryLayout.sequenceLayout(32, JAVA_BYTE).withName("fw_version"),
        MemoryLayout.sequenceLayout(32, JAVA_BYTE).withName("bus_info"),
        MemoryLayout.sequenceLayout(32, JAVA_BYTE).withName("erom_version"),
        MemoryLayout.sequenceLayout(12, JAVA_BYTE).withName("reserved2"),
        JAVA_INT.withName("n_priv_flags"),
        JAVA_INT.withName("n_stats"),
        JAVA_INT.withName("testinfo_len"),
        JAVA_INT.withName("eedump_len"),
        JAVA_INT.withName("regdump_len")).withName("ethtool_drvinfo");

    private Ethtool() {
    }

    /**
     * Driver and place of an interface.
     *
     * @param driver  such as {@code tun} or {@code veth}; empty if the interface does not say
     * @param busInfo where it is; the TUN/TAP driver says here which of the two the interface is: {@code tap}
     */
    public record DriverInfo(String driver, String busInfo) {
    }

    /** ETHTOOL_GDRVINFO of an interface. */
    public static DriverInfo driverInfo(String name) {
        try (Arena arena = Arena.ofConfined(); Fd socket = Socket.open(Socket.AF_INET, Socket.SOCK_DGRAM)) {
            MemorySegment info = arena.allocate(ETHTOOL_DRVINFO);
            info.set(JAVA_INT, 0, ETHTOOL_GDRVINFO);
            MemorySegment request = InterfaceRequest.of(name, arena);
            InterfaceRequest.value(request).set(JAVA_LONG, 0, info.address());
            try {
                Ioctl.call(socket, "SIOCETHTOOL \"" + name + "\"", SIOCETHTOOL, request.address());
            } catch (SyscallException e) {
                if (e.errno() == Errno.EOPNOTSUPP) {
                    return new DriverInfo("", "");
                }
                throw e;
            }
            return new DriverInfo(text(info, "driver"), text(info, "bus_info"));
        }
    }

    private static String text(MemorySegment info, String field) {
        return info.getString(ETHTOOL_DRVINFO.byteOffset(groupElement(field)));
    }
}
