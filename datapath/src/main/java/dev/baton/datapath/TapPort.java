package dev.baton.datapath;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapException;
import dev.baton.tap.TapOffloads;
import dev.baton.tap.TapQueue;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A port whose far side is the kernel: a multiqueue TAP interface, queue n of it being queue pair n.
 *
 * <p>The kernel spreads flows over all attached queues, so a queue whose wired queue pair takes no frames is detached;
 * queue 0 stays.
 */
public final class TapPort extends Port {
    /** An Ethernet frame of least length, without checksum. */
    private static final int ARP_FRAME = 60;
    private static final int ETHERTYPE_RARP = 0x8035;
    private static final int ETHERTYPE_IPV4 = 0x0800;

    private final TapDevice device;
    private final String options;

    private final Baton baton;
    private final int firstSlot;

    private TapPort(String name, TapDevice device, String options, Counters counters, Baton baton) {
        super(name, device.queueCount(), counters);
        this.baton = baton;
        this.firstSlot = allocateSlots();
        this.device = device;
        this.options = options;
    }

    private int allocateSlots() {
        try {
            return baton.allocateSlots(queuePairs());
        } catch (DatapathException e) {
            super.close();
            throw e;
        }
    }

    static TapPort open(TapPortConfig config, Counters counters, Baton baton) {
        String netns = config.tap().networkNamespace();
        try {
            TapDevice device = TapDevice.open(config.tap());
            return create(config.name(), device, netns == null ? "" : ",netns=" + netns, counters, baton);
        } catch (TapException e) {
            throw new DatapathException(String.valueOf(e.getMessage()), e);
        }
    }

    static TapPort adopt(String name, TapDevice device, Counters counters, Baton baton) {
        return create(name, device, "", counters, baton);
    }

    private static TapPort create(String name, TapDevice device, String options, Counters counters, Baton baton) {
        try {
            return new TapPort(name, device, options, counters, baton);
        } catch (DatapathException e) {
            device.close();
            throw e;
        }
    }

    /** The name of the network interface. */
    public String interfaceName() {
        return device.name();
    }

    @Override
    public String describe() {
        return "tap:" + name() + (name().equals(device.name()) ? "" : ",ifname=" + device.name())
            + ",queues=" + queuePairs() + options;
    }

    @Override
    public String state() {
        if (!device.exists()) {
            return "the interface was deleted";
        }
        int attached = 0;
        for (int i = 0; i < queuePairs(); i++) {
            attached += device.queue(i).attached() ? 1 : 0;
        }
        return (device.isUp() ? "up, " : "down, ") + attached + " of " + queuePairs() + " queues attached, offloads "
            + TapOffloads.describe(device.offloads());
    }

    @Override
    TapQueue tapQueue(int pair) {
        return device.queue(pair);
    }

    @Override
    StagingSlot stagingSlot(int pair) {
        return baton.slot(firstSlot + pair);
    }

    @Override
    int takes() {
        // The kernel segments and checksums whatever is written to it; what it can read back it can also take.
        return canGive();
    }

    @Override
    int canGive() {
        return Offloads.ofTun(device.probedOffloads());
    }

    @Override
    void give(int offloads) {
        int tunF = TapOffloads.usable(Offloads.toTun(offloads) & device.probedOffloads());
        if (tunF != device.offloads()) {
            unlessDeleted(() -> device.setOffloads(tunF));
        }
    }

    /** An interface that somebody deleted takes no settings; that is nothing the wired port should pay for. */
    private void unlessDeleted(Runnable setting) {
        try {
            setting.run();
        } catch (TapException e) {
            if (device.exists()) {
                throw e;
            }
        }
    }

    @Override
    void wired(@Nullable Port newPeer) {
        super.wired(newPeer);
        for (int pair = 0; pair < queuePairs(); pair++) {
            peerPairActive(pair, !(newPeer instanceof VirtqueuePort) || pair >= newPeer.queuePairs());
        }
    }

    @Override
    void peerPairActive(int pair, boolean active) {
        if (pair > 0 && pair < queuePairs()) {
            TapQueue queue = device.queue(pair);
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
            device.queue(0).write(memory.address(), frame.capacity());
        }
    }

    @Override
    void close() {
        super.close();
        baton.freeSlots(firstSlot, queuePairs());
        device.close();
    }
}
