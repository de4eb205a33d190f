package dev.baton.tools.options;

/** An option that is refused for what it says; the message is one sentence for the user. */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Refuses an option.
     *
     * @param message one sentence without a full stop
     */
    public UsageException(String message) {
        super(message);
    }
}
