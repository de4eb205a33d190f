package dev.baton.tools.traffic;

import dev.baton.datapath.FrameHandler;
import dev.baton.datapath.MemoryDriver;
import dev.baton.ffi.Mapping;

/** A queue pair of an in-memory port, for a host in the same process as the datapath. */
public final class MemoryFramePort implements FramePort, AutoCloseable {
    private final MemoryDriver driver;
    private final Mapping place = Mapping.anonymous(2048);

    /**
     * A port for a host.
     *
     * @param driver the driver's side of the queue pair
     */
    public MemoryFramePort(MemoryDriver driver) {
        this.driver = driver;
    }

    @Override
    public long reserve() {
        return place.address();
    }

    @Override
    public boolean commit(int lengthBytes, boolean checksumIsOpen) {
        return driver.send(place.address(), lengthBytes);
    }

    @Override
    public void flush() {
        // Every send and receive publishes by itself.
    }

    @Override
    public int receive(FrameHandler handler, int limit) {
        return driver.receive(handler, limit);
    }

    @Override
    public boolean takesOpenChecksums() {
        return false;
    }

    @Override
    public void close() {
        place.close();
    }
}
