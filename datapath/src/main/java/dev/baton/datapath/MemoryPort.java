package dev.baton.datapath;

import dev.baton.virtqueue.VirtqueueFault;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A port whose far side is a virtqueue driver in this process, reached by {@link #driver(int)}. It needs no
 * privileges, and frames cross it as they cross a guest's port: by virtqueues, with one copy or none. As a back end it
 * has no state to transfer: its driver cannot leave the process.
 */
public final class MemoryPort extends VirtqueuePort implements NetBackend {
    private final int queueSize;
    private final List<MemoryDriver> drivers = new ArrayList<>();

    MemoryPort(MemoryPortConfig config, Counters counters, Baton baton, Conductor conductor) {
        super(config.name(), config.queuePairs(), counters, baton, conductor);
        this.queueSize = config.queueSize();
        for (int pair = 0; pair < queuePairs(); pair++) {
            MemoryDriver driver = new MemoryDriver(queueSize);
            drivers.add(driver);
            driver.start(rxEnd(pair), txEnd(pair));
        }
    }

    /** The driver's side of a queue pair. Each driver is for one thread at a time. */
    public MemoryDriver driver(int pair) {
        return drivers.get(pair);
    }

    @Override
    public String kind() {
        return "memory";
    }

    @Override
    public boolean initialised() {
        return true;
    }

    @Override
    public void initialise() {
        // Its driver is there as long as the port is.
    }

    @Override
    public Optional<BackendTransfer> transfer() {
        return Optional.empty();
    }

    @Override
    public String describe() {
        return "memory:" + name() + ",queues=" + queuePairs() + ",size=" + queueSize;
    }

    @Override
    public String state() {
        return "open";
    }

    @Override
    int takes() {
        return Offloads.NONE;
    }

    @Override
    int canGive() {
        return Offloads.NONE;
    }

    @Override
    void faulted(VirtqueueEnd end, VirtqueueFault fault) {
        throw new IllegalStateException(end + ": " + fault.reason() + ": the driver in this process broke its queue");
    }

    @Override
    void close() {
        super.close();
        drivers.forEach(MemoryDriver::close);
    }

    @Override
    void abandon() {
        drivers.forEach(MemoryDriver::close);
    }
}
