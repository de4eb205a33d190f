package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes a device of descriptors that somebody else opened. Everything here only asks; the file descriptions are
 * shared with an owner who may go on with them. Whether IFF_NO_PI was given cannot be asked by any ioctl.
 */
final class TapAdopter {
    private static final String ADOPTED = "adopted";
    private static final int KIND = 0xf; // TUN or TAP
    /** What TUNGETIFF says of the queue, not of the interface. IFF_NOFILTER is reported in the bit of IFF_NO_PI. */
    private static final int PER_QUEUE = TunTap.IFF_DETACH_QUEUE | TunTap.IFF_NO_PI;

    private TapAdopter() {
    }

    static TapDevice adopt(List<Fd> descriptors, int probedOffloads, int offloads) {
        return device(look(descriptors), probedOffloads, offloads);
    }

    /** The queues behind the descriptors, which stay the caller's until there is a device. */
    static List<TapQueue> look(List<Fd> descriptors) {
        if (descriptors.isEmpty()) {
            throw new TapException(ADOPTED, "there is no descriptor to adopt");
        }
        if (descriptors.size() > TapConfig.MAX_QUEUES) {
            throw new TapException(ADOPTED, descriptors.size() + " descriptors: an interface has at most "
                + TapConfig.MAX_QUEUES + " queues");
        }
        TunTap.Iff first = look(descriptors.getFirst(), 0);
        List<TapQueue> queues = new ArrayList<>();
        for (int i = 0; i < descriptors.size(); i++) {
            Fd fd = descriptors.get(i);
            TunTap.Iff iff = look(fd, i);
            check(iff, fd, i);
            if (!iff.name().equals(first.name()) || ((iff.flags() ^ first.flags()) & ~PER_QUEUE) != 0) {
                throw refused(first.name(), fd, i, "is a queue of " + iff.name() + ", not of the same interface");
            }
            queues.add(new TapQueue(iff.name(), i, fd, (iff.flags() & TunTap.IFF_DETACH_QUEUE) == 0));
        }
        checkNamespaces(first.name(), descriptors);
        return queues;
    }

    /** Interfaces in two namespaces may have one name. */
    private static void checkNamespaces(String name, List<Fd> descriptors) {
        try (Fd home = namespaceOf(name, descriptors.getFirst())) {
            for (int i = 1; i < descriptors.size(); i++) {
                try (Fd other = namespaceOf(name, descriptors.get(i))) {
                    if (home != null && other != null && !FileIo.isSameFile(home, other)) {
                        throw refused(name, descriptors.get(i), i, "is a queue of another interface of this name, "
                            + "in another network namespace");
                    }
                }
            }
        }
    }

    static TapDevice device(List<TapQueue> queues, int probedOffloads, int offloads) {
        Fd control = queues.getFirst().fd();
        TunTap.Iff iff = look(control, 0);
        return new TapDevice(iff.name(), queues, (iff.flags() & TunTap.IFF_MULTI_QUEUE) != 0,
            new InterfaceScope(control, namespaceOf(iff.name(), control)), probedOffloads, offloads);
    }

    private static TunTap.Iff look(Fd fd, int index) {
        try {
            return TunTap.getIff(fd);
        } catch (SyscallException e) {
            throw new TapException(ADOPTED, e, "descriptor " + fd.value() + " for queue " + index
                + (e.errno() == Errno.EBADFD ? " belongs to no interface (any more)" : " is no queue of a TAP"));
        }
    }

    private static void check(TunTap.Iff iff, Fd fd, int index) {
        if ((iff.flags() & KIND) != TunTap.IFF_TAP) {
            throw refused(iff.name(), fd, index, "is of a TUN, not of a TAP interface");
        }
        if ((iff.flags() & TunTap.IFF_VNET_HDR) == 0) {
            throw refused(iff.name(), fd, index, "was opened without IFF_VNET_HDR");
        }
        int headerBytes = TunTap.vnetHdrSize(fd);
        if (headerBytes != TapDevice.HEADER_BYTES) {
            throw refused(iff.name(), fd, index, "has virtio-net headers of " + headerBytes + " bytes, "
                + TapDevice.HEADER_BYTES + " are needed (TUNSETVNETHDRSZ)");
        }
        if (!FileIo.isNonBlocking(fd)) {
            throw refused(iff.name(), fd, index, "is blocking and would stop the agent: set O_NONBLOCK on it first");
        }
    }

    private static TapException refused(String name, Fd fd, int index, String reason) {
        return new TapException(name, "descriptor " + fd.value() + " for queue " + index + " " + reason);
    }

    /** Where the interface is, or {@code null} when the caller may not know: then it can only be here. */
    private static @Nullable Fd namespaceOf(String name, Fd queue) {
        try {
            return TunTap.namespace(queue);
        } catch (SyscallException e) {
            if (e.errno() == Errno.EPERM || e.errno() == Errno.EOPNOTSUPP || e.errno() == Errno.EINVAL) {
                return null;
            }
            throw new TapException(name, e, "cannot tell the network namespace of the interface");
        }
    }
}
