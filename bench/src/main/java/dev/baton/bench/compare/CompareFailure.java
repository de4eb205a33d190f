package dev.baton.bench.compare;

/** A comparison that could not be made. */
final class CompareFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CompareFailure(String message) {
        super(message);
    }

    CompareFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
