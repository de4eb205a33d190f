package dev.baton.ffi;

/**
 * How often a thread left its CPU, see getrusage(2).
 *
 * @param voluntary   because it waited
 * @param involuntary because another was to run: noise for a busy poller
 */
public record ContextSwitches(long voluntary, long involuntary) {
}
