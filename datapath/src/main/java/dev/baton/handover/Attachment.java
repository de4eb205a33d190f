package dev.baton.handover;

import dev.baton.ffi.Fd;

/**
 * A descriptor that goes along with a datapath, such as the listening socket of its control path.
 *
 * @param name what it is, such as {@code "control"}; no two attachments share one
 * @param text what there is to say about it, such as the path
 * @param fd the descriptor, of any kind
 */
public record Attachment(String name, String text, Fd fd) {
}
