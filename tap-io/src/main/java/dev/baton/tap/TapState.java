package dev.baton.tap;

import java.util.List;

/**
 * What a TAP device is, for somebody who takes it over: all queues that a process holds, in Baton's order, detached
 * ones too, and what the kernel cannot be asked. Name, MTU, address and whether the interface is up are not here: they
 * stay with the interface, which does not change hands.
 *
 * @param queues one per queue, at least one
 * @param probedOffloads TUN_F_* flags that the kernel takes, as far as that was tried; 0 when it was not
 * @param offloads TUN_F_* flags set last
 */
public record TapState(List<TapQueueState> queues, int probedOffloads, int offloads) {
    /** Keeps a copy of the list. */
    public TapState {
        queues = List.copyOf(queues);
    }
}
