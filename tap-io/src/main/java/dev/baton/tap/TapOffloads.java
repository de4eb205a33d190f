package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import java.util.StringJoiner;

/**
 * Rules and names of the TUN_F_* offload flags. They say what the <em>reader</em> of a TAP can take: frames with
 * an unfinished checksum (CSUM) and frames larger than the MTU that somebody else will cut (TSO, USO). What is written
 * to a TAP may use these headers at any time.
 *
 * <p>The kernel refuses a set that makes no sense with a bare EINVAL: everything needs CSUM, ECN and TUNNEL
 * need TSO4 or TSO6, and USO4 and USO6 come only as a pair. UFO is taken for the sake of old programs and does nothing
 * since Linux 4.14.
 */
public final class TapOffloads {
    /** UDP segmentation: the kernel knows the two flags only together. Linux 6.2 and later. */
    public static final int USO = TunTap.TUN_F_USO4 | TunTap.TUN_F_USO6;

    private static final int TSO = TunTap.TUN_F_TSO4 | TunTap.TUN_F_TSO6;
    private static final int[] FLAGS = {
        TunTap.TUN_F_CSUM, TunTap.TUN_F_TSO4, TunTap.TUN_F_TSO6, TunTap.TUN_F_TSO_ECN, TunTap.TUN_F_UFO,
        TunTap.TUN_F_USO4, TunTap.TUN_F_USO6, TunTap.TUN_F_UDP_TUNNEL_GSO
    };
    private static final String[] NAMES = {"CSUM", "TSO4", "TSO6", "ECN", "UFO", "USO4", "USO6", "TUNNEL"};
    /** Smallest sets to try, each with what makes it valid; what comes first is a condition of what follows. */
    private static final int[] TRIALS = {
        TunTap.TUN_F_CSUM,
        TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4,
        TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO6,
        TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4 | TunTap.TUN_F_TSO_ECN,
        TunTap.TUN_F_CSUM | TunTap.TUN_F_UFO,
        TunTap.TUN_F_CSUM | USO,
        TunTap.TUN_F_CSUM | TunTap.TUN_F_TSO4 | TunTap.TUN_F_UDP_TUNNEL_GSO
    };

    private TapOffloads() {
    }

    /** The flags by name, {@code CSUM|TSO4}, or {@code none}. */
    public static String describe(int tunF) {
        if (tunF == 0) {
            return "none";
        }
        StringJoiner names = new StringJoiner("|");
        int rest = tunF;
        for (int i = 0; i < FLAGS.length; i++) {
            if ((tunF & FLAGS[i]) != 0) {
                names.add(NAMES[i]);
                rest &= ~FLAGS[i];
            }
        }
        return rest == 0 ? names.toString() : names.add("0x" + Integer.toHexString(rest)).toString();
    }

    /**
     * The largest valid set within {@code wanted}: what lacks its condition is left out. A guest that can take USO4 but
     * not USO6, for instance, gets neither.
     */
    public static int usable(int wanted) {
        if ((wanted & TunTap.TUN_F_CSUM) == 0) {
            return 0;
        }
        int usable = wanted;
        if ((usable & TSO) == 0) {
            usable &= ~(TunTap.TUN_F_TSO_ECN | TunTap.TUN_F_UDP_TUNNEL_GSO);
        }
        return (usable & USO) == USO ? usable : usable & ~USO;
    }

    /** Tries what the kernel takes, and leaves {@code leave} set, for the whole device that {@code queue} is of. */
    static int probe(Fd queue, int leave) {
        int taken = 0;
        for (int trial : TRIALS) {
            if (isTaken(queue, trial)) {
                taken |= trial;
            }
        }
        TunTap.setOffload(queue, leave);
        return taken;
    }

    private static boolean isTaken(Fd queue, int flags) {
        try {
            TunTap.setOffload(queue, flags);
            return true;
        } catch (SyscallException e) {
            if (e.errno() == Errno.EINVAL) {
                return false;
            }
            throw e;
        }
    }
}
