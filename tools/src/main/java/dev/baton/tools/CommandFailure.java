package dev.baton.tools;

/** A command that cannot go on; the message is one sentence for the user. */
public final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Ends a command with status 1.
     *
     * @param message one sentence without a full stop
     */
    public CommandFailure(String message) {
        super(message);
    }
}
