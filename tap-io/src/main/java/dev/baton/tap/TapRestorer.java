package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import java.util.List;

/**
 * Between a device and its {@link TapState}. A state that came from another process says what its sender believed; here
 * each field is compared with what the kernel says of the descriptor that came with it, and nothing is made to fit:
 * the sender may have to go on with the same queues.
 */
final class TapRestorer {
    private static final String RESTORED = "restored";

    private TapRestorer() {
    }

    static TapState save(TapDevice device) {
        int probed = device.probedOffloads();
        return new TapState(device.queues().stream().map(queue -> new TapQueueState(queue.fd(), true, hasUfo(probed),
            hasUso(probed), hasTunnel(probed), queue.attached(), TapDevice.HEADER_BYTES)).toList(),
            probed, device.offloads());
    }

    static TapDevice restore(TapState state, boolean mayBeOlder) {
        List<TapQueueState> states = state.queues();
        if (states.isEmpty()) {
            throw new TapException(RESTORED, "queues: the state has none");
        }
        for (int i = 0; i < states.size(); i++) {
            checkRecord(states.get(i), i, state.probedOffloads());
        }
        checkOffloads(state);
        List<TapQueue> queues = TapAdopter.look(states.stream().map(TapQueueState::fd).toList());
        for (int i = 0; i < states.size(); i++) {
            if (!mayBeOlder) {
                checkAttachment(states.get(i), queues.get(i));
            }
            checkUnique(queues, i);
        }
        return TapAdopter.device(queues, state.probedOffloads(), state.offloads());
    }

    /** What a state says that Baton cannot go on with, or that contradicts itself. */
    private static void checkRecord(TapQueueState state, int index, int probed) {
        if (!state.fd().isOpen()) {
            throw refused(RESTORED, index, "fd", "the descriptor was closed");
        }
        if (!state.usingVnetHdr()) {
            throw refused(RESTORED, index, "usingVnetHdr", "the state says false, frames here have the header");
        }
        if (state.hostVnetHdrLen() != TapDevice.HEADER_BYTES) {
            throw refused(RESTORED, index, "hostVnetHdrLen", "the state says " + state.hostVnetHdrLen()
                + ", headers here have " + TapDevice.HEADER_BYTES + " bytes");
        }
        checkProbed(index, "hasUfo", state.hasUfo(), hasUfo(probed), probed);
        checkProbed(index, "hasUso", state.hasUso(), hasUso(probed), probed);
        checkProbed(index, "hasTunnel", state.hasTunnel(), hasTunnel(probed), probed);
    }

    /** The kernel cannot be asked without setting something, so the two places must at least agree. */
    private static void checkProbed(int index, String field, boolean said, boolean probed, int probedOffloads) {
        if (said != probed) {
            throw refused(RESTORED, index, field,
                "the state says " + said + ", its probedOffloads are " + TapOffloads.describe(probedOffloads));
        }
    }

    private static void checkOffloads(TapState state) {
        int untried = state.offloads() & ~state.probedOffloads();
        if (TapOffloads.usable(state.offloads()) != state.offloads()) {
            throw new TapException(RESTORED, "offloads: the state says " + TapOffloads.describe(state.offloads())
                + ", which the kernel does not take together");
        }
        if (state.probedOffloads() != 0 && untried != 0) {
            throw new TapException(RESTORED, "offloads: the state says " + TapOffloads.describe(state.offloads())
                + ", its probedOffloads lack " + TapOffloads.describe(untried));
        }
    }

    private static void checkAttachment(TapQueueState state, TapQueue queue) {
        if (state.enabled() != queue.attached()) {
            throw refused(queue.device(), queue.index(), "enabled", "the state says " + state.enabled()
                + ", the kernel has it " + (queue.attached() ? "attached" : "detached"));
        }
    }

    /** A queue that comes twice would be read by two who do not know of each other. */
    private static void checkUnique(List<TapQueue> queues, int index) {
        Fd fd = queues.get(index).fd();
        for (int i = 0; i < index; i++) {
            if (isDuplicate(queues.get(i).fd(), fd)) {
                throw refused(queues.get(index).device(), index, "fd", "it is queue " + i + " once more");
            }
        }
    }

    private static boolean isDuplicate(Fd a, Fd b) {
        try {
            return FileIo.isDuplicate(a, b);
        } catch (SyscallException e) {
            if (e.errno() == Errno.EINVAL) {
                return false; // a kernel that cannot say
            }
            throw e;
        }
    }

    private static boolean hasUfo(int offloads) {
        return (offloads & TunTap.TUN_F_UFO) != 0;
    }

    private static boolean hasUso(int offloads) {
        return (offloads & TapOffloads.USO) == TapOffloads.USO;
    }

    private static boolean hasTunnel(int offloads) {
        return (offloads & TunTap.TUN_F_UDP_TUNNEL_GSO) != 0;
    }

    private static TapException refused(String device, int index, String field, String reason) {
        return new TapException(device, "queue " + index + ", " + field + ": " + reason);
    }
}
