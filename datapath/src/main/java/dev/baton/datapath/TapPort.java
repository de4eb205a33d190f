package dev.baton.datapath;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapConfig;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapException;
import dev.baton.tap.TapOffloads;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.VirtioNetHeader;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A port whose far side is the kernel: a multiqueue TAP interface, queue n of it being queue pair n.
 *
 * <p>The kernel spreads flows over all attached queues, so a queue whose wired queue pair takes no frames is detached;
 * queue 0 stays.
 */
public final class TapPort extends BackendPort {
    static final String KIND = "tap";

    private static final Logger LOG = System.getLogger(TapPort.class.getPackageName());

    /** An Ethernet frame of least length, without checksum. */
    private static final int ARP_FRAME = 60;
    private static final int ETHERTYPE_RARP = 0x8035;
    private static final int ETHERTYPE_IPV4 = 0x0800;

    private final TapOptions options;
    private @Nullable TapDevice device;
    private boolean ownerGoesOn;

    private TapPort(String name, TapDevice device, TapOptions options, Counters counters, Baton baton) {
        super(name, device.queueCount(), counters, baton);
        this.options = options;
        this.device = device;
        prepare(device);
    }

    private TapPort(String name, int queuePairs, TapOptions options, Counters counters, Baton baton, int firstSlot) {
        super(name, queuePairs, counters, baton, firstSlot);
        this.options = options;
    }

    static TapPort open(TapPortConfig config, Counters counters, Baton baton) {
        return create(config.name(), openDevice(config.tap()), TapOptions.of(config), counters, baton);
    }

    static TapPort adopt(String name, TapDevice device, Counters counters, Baton baton) {
        return create(name, device, new TapOptions(device.name(), null, false, true, true), counters, baton);
    }

    /** A port of an incoming owner, not set up yet. */
    static TapPort postponed(String name, int queuePairs, String options, Counters counters, Baton baton, int slot) {
        return new TapPort(name, queuePairs, TapOptions.parse(options), counters, baton, slot);
    }

    private static TapPort create(String name, TapDevice device, TapOptions options, Counters counters, Baton baton) {
        try {
            return new TapPort(name, device, options, counters, baton);
        } catch (DatapathException e) {
            device.close();
            throw e;
        }
    }

    private static TapDevice openDevice(TapConfig config) {
        try {
            return TapDevice.open(config);
        } catch (TapException e) {
            throw new DatapathException(String.valueOf(e.getMessage()), e);
        }
    }

    private TapDevice device() {
        TapDevice present = device;
        if (present == null) {
            throw new IllegalStateException("port " + name() + " is not initialised");
        }
        return present;
    }

    /** The name of the network interface. */
    public String interfaceName() {
        return device().name();
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public boolean initialised() {
        return device != null;
    }

    @Override
    public void initialise() {
        if (device == null) {
            TapDevice opened = openDevice(options.config(queuePairs()));
            device = opened;
            prepare(opened);
        }
    }

    @Override
    public Optional<BackendTransfer> transfer() {
        return Optional.of(new TapTransfer(this));
    }

    @Nullable TapDevice deviceIfPresent() {
        return device;
    }

    @Override
    void letOwnerGoOn() {
        ownerGoesOn = true;
    }

    boolean ownerGoesOn() {
        return ownerGoesOn;
    }

    @Override
    void refresh() {
        unlessDeleted(device()::refresh);
    }

    /** The device that a transfer brought. */
    void restored(TapDevice restored) {
        device = restored;
        prepare(restored);
    }

    @Override
    String options() {
        return options.text();
    }

    @Override
    public String describe() {
        return "tap:" + name() + (name().equals(options.ifname()) ? "" : ",ifname=" + options.ifname())
            + ",queues=" + queuePairs() + (options.netns() == null ? "" : ",netns=" + options.netns())
            + (options.coalescing() ? "" : ",coalesce=off") + (options.ioUring() ? "" : ",io=plain");
    }

    @Override
    public String state() {
        if (!device().exists()) {
            return "the interface was deleted";
        }
        int attached = 0;
        for (int i = 0; i < queuePairs(); i++) {
            attached += device().queue(i).attached() ? 1 : 0;
        }
        return (device().isUp() ? "up, " : "down, ") + attached + " of " + queuePairs()
            + " queues attached, offloads " + TapOffloads.describe(device().offloads()) + io();
    }

    private String io() {
        for (int i = 0; i < queuePairs(); i++) {
            if (!device().queue(i).usesIoUring()) {
                return "";
            }
        }
        return ", io_uring";
    }

    @Override
    TapQueue tapQueue(int pair) {
        return device().queue(pair);
    }

    @Override
    int takes() {
        // The kernel segments and checksums whatever is written to it; what it can read back it can also take.
        return canGive();
    }

    @Override
    boolean coalescing() {
        return options.coalescing();
    }

    @Override
    int canGive() {
        return Offloads.ofTun(device().probedOffloads());
    }

    @Override
    void give(int offloads) {
        int tunF = TapOffloads.usable(Offloads.toTun(offloads) & device().probedOffloads());
        unlessDeleted(() -> {
            if (tunF != device().offloads()) {
                device().setOffloads(tunF);
            } else {
                device().learnLongestFrame();
            }
        });
    }

    /**
     * What there is to do once a device is there, before its frames matter: nothing that another owner of it notices.
     */
    private void prepare(TapDevice prepared) {
        unlessDeleted(prepared::learnLongestFrame);
        if (!options.ioUring()) {
            return;
        }
        try {
            for (int pair = 0; pair < queuePairs(); pair++) {
                prepared.queue(pair).useIoUring();
            }
        } catch (TapException e) {
            LOG.log(Level.INFO, "port {0} goes without io_uring: {1}", name(), e.getMessage());
        }
    }

    /** An interface that somebody deleted takes no settings; that is nothing the wired port should pay for. */
    private void unlessDeleted(Runnable setting) {
        try {
            setting.run();
        } catch (TapException e) {
            if (device().exists()) {
                throw e;
            }
        }
    }

    @Override
    void wired(@Nullable Port newPeer) {
        super.wired(newPeer);
        for (int pair = 0; pair < queuePairs(); pair++) {
            peerPairActive(pair, newPeer == null || newPeer.alwaysActive() || pair >= newPeer.queuePairs());
        }
    }

    @Override
    void peerPairActive(int pair, boolean active) {
        if (pair > 0 && pair < queuePairs()) {
            TapQueue queue = device().queue(pair);
            unlessDeleted(() -> atQuiescentPoint(pair, () -> queue.attach(active)));
        }
    }

    /** Sends what a host sends that asks for its own address (RFC 903): switches learn the MAC address from it. */
    @Override
    void announce(byte[] mac) {
        ByteBuffer frame = ByteBuffer.allocate(VirtioNetHeader.LENGTH + ARP_FRAME);
        frame.position(VirtioNetHeader.LENGTH);
        frame.putLong(-1L).position(VirtioNetHeader.LENGTH + 6).put(mac).putShort((short) ETHERTYPE_RARP);
        frame.putShort((short) 1).putShort((short) ETHERTYPE_IPV4).put((byte) 6).put((byte) 4).putShort((short) 3);
        frame.put(mac).putInt(0).put(mac).putInt(0);
        try (Mapping memory = Mapping.anonymous(frame.capacity())) {
            RawMemory.copyFromArray(frame.array(), 0, memory.address(), frame.capacity());
            device().queue(0).write(memory.address(), frame.capacity());
        }
    }

    @Override
    void close() {
        super.close();
        abandon();
    }

    /** A TAP goes with its last descriptor, and the next owner has others. */
    @Override
    void abandon() {
        if (device != null) {
            device.close();
        }
    }
}
