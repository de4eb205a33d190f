package dev.baton.tools.demo;

/** The demo cannot go on; the message is one sentence. */
public final class DemoException extends Exception {
    private static final long serialVersionUID = 1L;

    /**
     * Ends the demo.
     *
     * @param message one sentence without a full stop
     */
    public DemoException(String message) {
        super(message);
    }
}
