package dev.baton.bench;

/** The benchmark cannot go on; the message says why, for people. */
public final class BenchFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A failure with nothing behind it. */
    public BenchFailure(String message) {
        super(message);
    }

    /** A failure that another one has led to. */
    public BenchFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
