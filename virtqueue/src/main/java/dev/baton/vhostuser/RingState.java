package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import org.jspecify.annotations.Nullable;

/**
 * What the front end has said about one virtqueue of a session that goes to another process. Where a running one stands
 * is not in it: that moves with every burst.
 *
 * @param size number of descriptors; 0: not said
 * @param base what was said or told last: an available index, 0 to 65535, or the positions of a packed virtqueue
 * @param addresses where its parts are; null: not said
 * @param kicked whether SET_VRING_KICK has come since the virtqueue was stopped
 * @param running whether it is started
 * @param enabled whether it is enabled, started or not
 * @param kick the kick eventfd; null where none came
 * @param call the call eventfd; null where none came
 * @param err the err eventfd; null where none came
 */
public record RingState(int size, int base, @Nullable RingAddresses addresses, boolean kicked, boolean running,
                        boolean enabled, @Nullable Fd kick, @Nullable Fd call, @Nullable Fd err) {

    static RingState of(RingConfig config, boolean running) {
        return new RingState(config.size(), config.base(), config.addresses(), config.kicked(), running,
            config.enabled(), borrow(config.kick()), borrow(config.call()), borrow(config.err()));
    }

    private static @Nullable Fd borrow(@Nullable EventFd descriptor) {
        return descriptor == null ? null : descriptor.fd();
    }
}
