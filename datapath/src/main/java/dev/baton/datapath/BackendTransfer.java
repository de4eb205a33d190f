package dev.baton.datapath;

import dev.baton.handover.BackendBlob;
import dev.baton.handover.HandoverException;

/**
 * How the state of a back end gets from one owner to the next: the optional part of a {@link NetBackend}. What is in a
 * {@link BackendBlob} is the business of the kind of back end that made it.
 *
 * <p>Called in this order; nothing here may change what both owners share, because the old one may have to go on:
 *
 * <pre>
 *   old owner    save
 *   new owner    preLoad -> load -> postLoad
 * </pre>
 */
public interface BackendTransfer {
    /**
     * The state of all queue pairs.
     *
     * @param schemaVersion what the new owner reads
     * @return the state; its descriptors stay the back end's
     * @throws HandoverException when it cannot be transferred now
     */
    BackendBlob save(int schemaVersion) throws HandoverException;

    /**
     * Makes sure that there is nothing yet that the state could collide with.
     *
     * @throws HandoverException when the back end is set up already
     */
    void preLoad() throws HandoverException;

    /**
     * Takes the state. Untrusted.
     *
     * @param state what {@link #save} made; its descriptors are the back end's from now on, unless it throws
     * @throws HandoverException naming what is wrong in it
     */
    void load(BackendBlob state) throws HandoverException;

    /**
     * Finishes the set-up, with the descriptors there already.
     *
     * @throws HandoverException when it cannot be finished; the back end is useless then
     */
    void postLoad() throws HandoverException;
}
