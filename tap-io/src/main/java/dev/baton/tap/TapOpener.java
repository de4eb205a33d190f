package dev.baton.tap;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Ethtool;
import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Opens one device by name. The order is such that a failure leaves nothing behind: descriptors are closed, which
 * takes a new interface with them, and persistence is set last.
 */
final class TapOpener {
    private static final int FLAGS = TunTap.IFF_TAP | TunTap.IFF_NO_PI | TunTap.IFF_VNET_HDR;

    private static final Ethtool.DriverInfo TAP_DRIVER = new Ethtool.DriverInfo("tun", "tap");

    private final TapConfig config;
    private final List<Fd> queues = new ArrayList<>();
    private @Nullable Fd namespace;
    private String name;
    private int flags;

    TapOpener(TapConfig config) {
        this.config = config;
        this.name = config.name();
        this.flags = config.queues() > 1 ? FLAGS | TunTap.IFF_MULTI_QUEUE : FLAGS;
    }

    TapDevice open() {
        boolean done = false;
        try {
            enterNamespace();
            for (int i = 0; i < config.queues(); i++) {
                openQueue();
            }
            TapDevice device = configure();
            done = true;
            return device;
        } finally {
            if (!done) {
                queues.forEach(Fd::close);
                if (namespace != null) {
                    namespace.close();
                }
            }
        }
    }

    /** Opens the namespace and goes there once: any file opens, but only a namespace can be entered. */
    private void enterNamespace() {
        String wanted = config.networkNamespace();
        if (wanted == null) {
            return;
        }
        try {
            namespace = NetworkNamespace.open(wanted);
            NetworkNamespace.call(namespace, () -> wanted);
        } catch (SyscallException e) {
            String reason = switch (e.errno()) {
                case Errno.ENOENT -> "there is no network namespace \"" + wanted + "\"";
                case Errno.EINVAL -> "\"" + wanted + "\" is no network namespace";
                case Errno.EPERM, Errno.EACCES -> "no permission to enter the network namespace \"" + wanted + "\"";
                default -> "cannot enter the network namespace \"" + wanted + "\"";
            };
            throw new TapException(name, e, reason);
        }
    }

    /** Opens a file description and makes it a queue; from the first one on the kernel's name for it is known. */
    private void openQueue() {
        Fd fd = openClone();
        queues.add(fd);
        try {
            name = TunTap.setIff(fd, name, flags);
        } catch (SyscallException e) {
            if (!retriesAsMultiQueue(e)) {
                throw refused(e);
            }
            flags |= TunTap.IFF_MULTI_QUEUE;
            try {
                name = TunTap.setIff(fd, name, flags);
            } catch (SyscallException second) {
                throw refused(second);
            }
        }
    }

    /** One queue of an interface that was made multiqueue: the flag has to agree with the interface's. */
    private boolean retriesAsMultiQueue(SyscallException e) {
        return e.errno() == Errno.EINVAL && (flags & TunTap.IFF_MULTI_QUEUE) == 0 && existsAsTap();
    }

    private Fd openClone() {
        try {
            return InterfaceScope.in(namespace, TunTap::openClone);
        } catch (SyscallException e) {
            String reason = switch (e.errno()) {
                case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
                    "the kernel has no TUN/TAP driver, or this container does not show its device";
                case Errno.EPERM, Errno.EACCES -> "no permission to open the TUN/TAP driver";
                case Errno.EMFILE, Errno.ENFILE -> "no descriptor left after " + queues.size() + " queues";
                default -> "cannot open queue " + queues.size();
            };
            throw new TapException(name, e, reason);
        }
    }

    private TapException refused(SyscallException e) {
        int opened = queues.size() - 1;
        String reason = switch (e.errno()) {
            case Errno.EPERM, Errno.EACCES ->
                "making an interface, or opening that of another user, needs CAP_NET_ADMIN";
            case Errno.EBUSY -> "a single-queue interface of this name is open in another place";
            case Errno.E2BIG -> "the kernel's limit of " + TapConfig.MAX_QUEUES
                + " queues, those of other processes counted, is reached after " + opened;
            case Errno.EINVAL -> whyInvalid();
            default -> "the kernel does not give queue " + opened;
        };
        return new TapException(name, e, reason);
    }

    private String whyInvalid() {
        if (!InterfaceScope.in(namespace, () -> NetDevice.exists(name))) {
            return "the kernel takes neither the name nor the flags";
        }
        return existsAsTap()
            ? "the interface exists as a single-queue TAP and " + config.queues() + " queues are wanted"
            : "an interface of this name exists and is no TAP";
    }

    private boolean existsAsTap() {
        return !config.isPattern() && InterfaceScope.in(namespace,
            () -> NetDevice.exists(name) && Ethtool.driverInfo(name).equals(TAP_DRIVER));
    }

    /** What goes for the whole device. */
    private TapDevice configure() {
        Fd first = queues.getFirst();
        int probed;
        try {
            TunTap.setVnetHdrSize(first, TapDevice.HEADER_BYTES);
            TunTap.setVnetLittleEndian(first, true);
            probed = TapOffloads.probe(first, 0);
        } catch (SyscallException e) {
            throw new TapException(name, e, "the kernel does not take the frame format");
        }
        List<TapQueue> tapQueues = new ArrayList<>();
        for (int i = 0; i < queues.size(); i++) {
            tapQueues.add(new TapQueue(name, i, queues.get(i), true));
        }
        TapDevice device = new TapDevice(name, tapQueues, (flags & TunTap.IFF_MULTI_QUEUE) != 0,
            new InterfaceScope(first, namespace), probed, 0);
        if (config.mac() != null) {
            device.mac(config.mac());
        }
        if (config.mtu() != 0) {
            device.mtu(config.mtu());
        }
        if (config.up()) {
            device.up(true);
        }
        if (config.persistent()) {
            device.persistent(true);
        }
        return device;
    }
}
