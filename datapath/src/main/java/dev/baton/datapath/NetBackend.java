package dev.baton.datapath;

import java.util.Optional;

/**
 * What a front end is wired to, as far as a handover is concerned. A front end uses this and nothing else: it never
 * knows which back end it talks to, and no kind of back end is named outside the classes that implement it.
 *
 * <p>Source: the review of "virtio-net: support backend-transfer migration for virtio-net/tap" (docs/handover.md).
 */
public interface NetBackend {
    /** The word for this kind of back end in options, descriptions and messages: {@code tap}. */
    String kind();

    /** Queue pairs, active or not: state is transferred for all of them. */
    int queuePairs();

    /** Whether it is set up. An incoming owner postpones that until its state comes, or until none will come. */
    boolean initialised();

    /**
     * Sets a postponed back end up by its own options, as if there were no former owner.
     *
     * @throws DatapathException when it cannot be set up, with the reason; it is as before
     */
    void initialise();

    /** How its state is transferred to the next owner, by those that can be. */
    Optional<BackendTransfer> transfer();
}
