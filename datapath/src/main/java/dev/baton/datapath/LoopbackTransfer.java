package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.handover.BackendBlob;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.QueuePairBlob;
import dev.baton.tap.LoopbackDevice;
import dev.baton.tap.TapException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The state of a loopback: a socket per queue pair, with the frames that wait in it, and not one byte. */
final class LoopbackTransfer implements BackendTransfer {
    private static final byte[] NOTHING = {};

    private final LoopbackPort port;
    private @Nullable LoopbackDevice loaded;

    LoopbackTransfer(LoopbackPort port) {
        this.port = port;
    }

    @Override
    public BackendBlob save(int schemaVersion) throws HandoverException {
        LoopbackDevice device = port.deviceIfPresent();
        if (device == null) {
            throw refused(HandoverError.MALFORMED, "it is not initialised");
        }
        List<QueuePairBlob> pairs = new ArrayList<>();
        for (int i = 0; i < device.queueCount(); i++) {
            pairs.add(new QueuePairBlob(NOTHING, List.of(device.queue(i).fd())));
        }
        return new BackendBlob(pairs, NOTHING);
    }

    @Override
    public void preLoad() throws HandoverException {
        if (port.initialised()) {
            throw refused(HandoverError.MALFORMED, "the loopback is initialised already and takes no descriptors");
        }
    }

    @Override
    public void load(BackendBlob state) throws HandoverException {
        if (state.queuePairs().size() != port.queuePairs()) {
            throw refused(HandoverError.MALFORMED, "a state of " + state.queuePairs().size() + " queue pairs for "
                + port.queuePairs());
        }
        List<Fd> sockets = new ArrayList<>();
        for (QueuePairBlob pair : state.queuePairs()) {
            if (pair.descriptors().size() != 1) {
                throw refused(HandoverError.DESCRIPTOR_COUNT, "queue pair " + sockets.size() + " came with "
                    + pair.descriptors().size() + " descriptors, not 1");
            }
            sockets.add(pair.descriptors().getFirst());
        }
        try {
            loaded = LoopbackDevice.adopt(port.name(), sockets);
        } catch (TapException e) {
            throw refused(HandoverError.DESCRIPTOR_KIND, String.valueOf(e.getMessage()));
        }
    }

    @Override
    public void postLoad() throws HandoverException {
        if (loaded == null) {
            throw refused(HandoverError.MALFORMED, "nothing was loaded");
        }
        port.restored(loaded);
    }

    private HandoverException refused(HandoverError kind, String reason) {
        return new HandoverException("back-end " + port.name(), kind, reason);
    }
}
