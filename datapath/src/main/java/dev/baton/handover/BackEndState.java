package dev.baton.handover;

import org.jspecify.annotations.Nullable;

/**
 * A port with a back end.
 *
 * @param name its name
 * @param queuePairs its queue pairs, those that are detached included
 * @param backendTransfer its own switch
 * @param kind the kind of back end, such as {@code "tap"}; only that kind understands the rest
 * @param options what the back end was made with, in the words of that kind
 * @param firstStagingSlot its first staging slot in the baton; -1 if it stages nothing
 * @param state what the back end hands over; null if that was not selected, and then the incoming owner opens its own
 */
public record BackEndState(String name, int queuePairs, boolean backendTransfer, String kind, String options,
    int firstStagingSlot, @Nullable BackendBlob state) implements PortState {
}
