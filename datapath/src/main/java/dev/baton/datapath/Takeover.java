package dev.baton.datapath;

import dev.baton.handover.Attachment;
import java.util.List;

/**
 * A datapath that was taken over.
 *
 * @param datapath    runs here now; the caller closes it
 * @param attachments what came with it, the caller's from now on
 * @param report      what it took
 */
public record Takeover(Datapath datapath, List<Attachment> attachments, HandoverReport report) {
    /** The list is copied. */
    public Takeover {
        attachments = List.copyOf(attachments);
    }
}
