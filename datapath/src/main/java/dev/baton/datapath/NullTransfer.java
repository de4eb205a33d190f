package dev.baton.datapath;

import dev.baton.handover.BackendBlob;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.QueuePairBlob;
import java.util.Collections;
import java.util.List;

/** The state of a null port: of each queue pair not one byte and not one descriptor. */
final class NullTransfer implements BackendTransfer {
    private static final byte[] NOTHING = {};

    private final NullPort port;
    private boolean loaded;

    NullTransfer(NullPort port) {
        this.port = port;
    }

    @Override
    public BackendBlob save(int schemaVersion) throws HandoverException {
        if (!port.initialised()) {
            throw refused("it is not initialised");
        }
        return new BackendBlob(Collections.nCopies(port.queuePairs(), new QueuePairBlob(NOTHING, List.of())), NOTHING);
    }

    @Override
    public void preLoad() throws HandoverException {
        if (port.initialised()) {
            throw refused("the null port is initialised already and takes no state");
        }
    }

    @Override
    public void load(BackendBlob state) throws HandoverException {
        List<QueuePairBlob> pairs = state.queuePairs();
        if (pairs.size() != port.queuePairs()) {
            throw refused("a state of " + pairs.size() + " queue pairs for " + port.queuePairs());
        }
        for (int i = 0; i < pairs.size(); i++) {
            int descriptors = pairs.get(i).descriptors().size();
            if (descriptors != 0) {
                throw new HandoverException("back-end " + port.name(), HandoverError.DESCRIPTOR_COUNT, "queue pair " + i
                    + " came with " + descriptors + " descriptors, not 0");
            }
        }
        loaded = true;
    }

    @Override
    public void postLoad() throws HandoverException {
        if (!loaded) {
            throw refused("nothing was loaded");
        }
        port.initialise();
    }

    private HandoverException refused(String reason) {
        return new HandoverException("back-end " + port.name(), HandoverError.MALFORMED, reason);
    }
}
