package dev.baton.datapath;

import dev.baton.handover.BackendBlob;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.NetTap;
import dev.baton.tap.TapDevice;
import dev.baton.tap.TapException;
import dev.baton.tap.TapState;
import org.jspecify.annotations.Nullable;

/**
 * The state of a TAP: the seven fields of "net-tap" for each queue, attached or not, and which offloads the kernel was
 * found to take and has set. With it the new owner makes no TUNSETIFF, no TUNSETQUEUE and no other call that sets
 * anything: it looks whether the kernel agrees, and goes on.
 */
final class TapTransfer implements BackendTransfer {
    private final TapPort port;
    private @Nullable TapState loaded;

    TapTransfer(TapPort port) {
        this.port = port;
    }

    @Override
    public BackendBlob save(int schemaVersion) throws HandoverException {
        TapDevice device = port.deviceIfPresent();
        if (device == null) {
            throw refused(HandoverError.MALFORMED, "it is not initialised");
        }
        return NetTap.encode(device.state(), schemaVersion);
    }

    @Override
    public void preLoad() throws HandoverException {
        if (port.initialised()) {
            throw refused(HandoverError.MALFORMED, "TAP is already initialised and cannot receive descriptors");
        }
    }

    @Override
    public void load(BackendBlob state) throws HandoverException {
        if (state.queuePairs().size() != port.queuePairs()) {
            throw refused(HandoverError.MALFORMED, "a state of " + state.queuePairs().size() + " queue pairs for "
                + port.queuePairs());
        }
        loaded = NetTap.decode(port.name(), state);
    }

    @Override
    public void postLoad() throws HandoverException {
        TapState state = loaded;
        if (state == null) {
            throw refused(HandoverError.MALFORMED, "nothing was loaded");
        }
        try {
            port.restored(port.ownerGoesOn() ? TapDevice.restoreOlder(state) : TapDevice.restore(state));
        } catch (TapException e) {
            throw refused(HandoverError.DESCRIPTOR_KIND, String.valueOf(e.getMessage()));
        }
    }

    private HandoverException refused(HandoverError kind, String reason) {
        return new HandoverException("back-end " + port.name(), kind, reason);
    }
}
