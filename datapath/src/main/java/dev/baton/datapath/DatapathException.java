package dev.baton.datapath;

/** What an embedder asked for cannot be had; the message is one sentence that says what and why. */
public final class DatapathException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Creates the exception with its sentence. */
    public DatapathException(String message) {
        super(message);
    }

    /** Creates the exception with its sentence and the failure below it. */
    public DatapathException(String message, Throwable cause) {
        super(message, cause);
    }
}
