package dev.baton.handover;

/** Fault injection: what is to go wrong, and where. {@link #NONE} does nothing and is what everybody uses. */
public interface HandoverFaults {
    /** Nothing goes wrong. */
    HandoverFaults NONE = new HandoverFaults() { };

    /**
     * A step is about to be taken.
     *
     * @param edge before which step
     * @throws HandoverException the step is to fail
     */
    default void at(Edge edge) throws HandoverException {
    }

    /** What is to happen to a section that is about to be sent; consulted once for each. */
    default Fault onSend(Section section) {
        return Fault.NONE;
    }
}
