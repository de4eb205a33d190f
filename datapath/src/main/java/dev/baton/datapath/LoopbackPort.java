package dev.baton.datapath;

import dev.baton.tap.LoopbackDevice;
import dev.baton.tap.TapException;
import dev.baton.tap.TapQueue;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A port whose far side is its own mirror: a frame that leaves by a queue pair enters by it again. It needs no
 * privilege, and it is the proof that a front end works with a back end that is nothing like a TAP.
 */
public final class LoopbackPort extends BackendPort {
    static final String KIND = "loopback";

    private @Nullable LoopbackDevice device;

    private LoopbackPort(String name, LoopbackDevice device, Counters counters, Baton baton) {
        super(name, device.queueCount(), counters, baton);
        this.device = device;
    }

    private LoopbackPort(String name, int queuePairs, Counters counters, Baton baton, int firstSlot) {
        super(name, queuePairs, counters, baton, firstSlot);
    }

    static LoopbackPort open(LoopbackPortConfig config, Counters counters, Baton baton) {
        LoopbackDevice device = openDevice(config.name(), config.queuePairs());
        try {
            return new LoopbackPort(config.name(), device, counters, baton);
        } catch (DatapathException e) {
            device.close();
            throw e;
        }
    }

    /** A port of an incoming owner, not set up yet. */
    static LoopbackPort postponed(String name, int queuePairs, Counters counters, Baton baton, int slot) {
        return new LoopbackPort(name, queuePairs, counters, baton, slot);
    }

    private static LoopbackDevice openDevice(String name, int queuePairs) {
        try {
            return LoopbackDevice.open(name, queuePairs);
        } catch (TapException e) {
            throw new DatapathException(String.valueOf(e.getMessage()), e);
        }
    }

    private LoopbackDevice device() {
        LoopbackDevice present = device;
        if (present == null) {
            throw new IllegalStateException("port " + name() + " is not initialised");
        }
        return present;
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
            device = openDevice(name(), queuePairs());
        }
    }

    @Override
    public Optional<BackendTransfer> transfer() {
        return Optional.of(new LoopbackTransfer(this));
    }

    @Nullable LoopbackDevice deviceIfPresent() {
        return device;
    }

    /** The device that a transfer brought. */
    void restored(LoopbackDevice restored) {
        device = restored;
    }

    @Override
    String options() {
        return "";
    }

    @Override
    public String describe() {
        return "loopback:" + name() + ",queues=" + queuePairs();
    }

    @Override
    public String state() {
        return queuePairs() + " queues";
    }

    @Override
    TapQueue tapQueue(int pair) {
        return device().queue(pair);
    }

    /** Nobody fills in a checksum or cuts a segment here. */
    @Override
    int takes() {
        return Offloads.NONE;
    }

    @Override
    int canGive() {
        return Offloads.NONE;
    }

    @Override
    void close() {
        super.close();
        abandon();
    }

    @Override
    void abandon() {
        if (device != null) {
            device.close();
        }
    }
}
