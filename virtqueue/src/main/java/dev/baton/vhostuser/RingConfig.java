package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import org.jspecify.annotations.Nullable;

/**
 * What the front end has said about one virtqueue so far.
 *
 * @param size number of descriptors; 0: not said
 * @param base where to go on: an available index, or the positions of a packed virtqueue
 * @param addresses where its parts are; null: not said
 * @param kicked whether SET_VRING_KICK has come since the ring was stopped
 * @param kick what came with it
 * @param call the call eventfd
 * @param err the err eventfd
 * @param enabled what SET_VRING_ENABLE said last
 */
record RingConfig(int size, int base, @Nullable RingAddresses addresses, boolean kicked, @Nullable EventFd kick,
                  @Nullable EventFd call, @Nullable EventFd err, boolean enabled) {

    static final RingConfig INITIAL = new RingConfig(0, 0, null, false, null, null, null, false);

    /** What another owner of the connection knew; the descriptors are its own from now on. */
    static RingConfig of(RingState state) {
        return new RingConfig(state.size(), state.base(), state.addresses(), state.kicked(), adopt(state.kick()),
            adopt(state.call()), adopt(state.err()), state.enabled());
    }

    private static @Nullable EventFd adopt(@Nullable Fd descriptor) {
        return descriptor == null ? null : EventFd.adopt(descriptor);
    }

    /** Whether all has been said that a ring needs to run, but for the memory. */
    boolean complete() {
        return size != 0 && addresses != null && kicked;
    }

    RingConfig withSize(int value) {
        return new RingConfig(value, base, addresses, kicked, kick, call, err, enabled);
    }

    RingConfig withBase(int value) {
        return new RingConfig(size, value, addresses, kicked, kick, call, err, enabled);
    }

    RingConfig withAddresses(RingAddresses value) {
        return new RingConfig(size, base, value, kicked, kick, call, err, enabled);
    }

    RingConfig withKick(boolean given, @Nullable EventFd value) {
        return new RingConfig(size, base, addresses, given, value, call, err, enabled);
    }

    RingConfig withCall(@Nullable EventFd value) {
        return new RingConfig(size, base, addresses, kicked, kick, value, err, enabled);
    }

    RingConfig withErr(@Nullable EventFd value) {
        return new RingConfig(size, base, addresses, kicked, kick, call, value, enabled);
    }

    RingConfig withEnabled(boolean value) {
        return new RingConfig(size, base, addresses, kicked, kick, call, err, value);
    }

    /** All forgotten but call and err, which a front end says once for the whole connection. */
    RingConfig reset() {
        return new RingConfig(0, 0, null, false, null, call, err, false);
    }
}
