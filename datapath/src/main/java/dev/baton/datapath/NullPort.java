package dev.baton.datapath;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A port without a far side: frames that leave by it are counted and dropped, and if it sends, it makes the frames that
 * enter by it itself. What it costs to move them is the cost of the virtqueues, and nothing else.
 *
 * <p>It has neither a descriptor nor a state; a transfer of nothing makes it the same for the next owner as any other
 * back end.
 */
public final class NullPort extends BackendPort {
    static final String KIND = "null";

    private final NullPortConfig config;
    private @Nullable NullFrame frame;

    private NullPort(NullPortConfig config, Counters counters, Baton baton) {
        super(config.name(), config.queuePairs(), counters, baton);
        this.config = config;
    }

    private NullPort(NullPortConfig config, Counters counters, Baton baton, int firstSlot) {
        super(config.name(), config.queuePairs(), counters, baton, firstSlot);
        this.config = config;
    }

    static NullPort open(NullPortConfig config, Counters counters, Baton baton) {
        NullPort port = new NullPort(config, counters, baton);
        port.initialise();
        return port;
    }

    /** A port of an incoming owner, not set up yet. */
    static NullPort postponed(NullPortConfig config, Counters counters, Baton baton, int slot) {
        return new NullPort(config, counters, baton, slot);
    }

    /** What it sends. */
    NullFrame frame() {
        NullFrame present = frame;
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
        return frame != null;
    }

    @Override
    public void initialise() {
        if (frame == null) {
            frame = new NullFrame(config.frameBytes());
        }
    }

    @Override
    public Optional<BackendTransfer> transfer() {
        return Optional.of(new NullTransfer(this));
    }

    @Override
    String options() {
        return config.options();
    }

    @Override
    public String describe() {
        return "null:" + name() + ",queues=" + queuePairs() + "," + config.options();
    }

    @Override
    public String state() {
        return config.frameBytes() == 0 ? "drops" : "drops, and sends frames of " + config.frameBytes() + " bytes";
    }

    /** Its transfers have a virtqueue at their other end. */
    @Override
    void checkWire(Port newPeer) {
        if (!(newPeer instanceof VirtqueuePort)) {
            throw new DatapathException("port " + name() + " is a null port, which can be wired to a port with"
                + " virtqueues alone, not to " + newPeer);
        }
    }

    /** Whatever a frame asks for, it is dropped. */
    @Override
    int takes() {
        return Offloads.ALL;
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
        if (frame != null) {
            frame.close();
        }
    }
}
