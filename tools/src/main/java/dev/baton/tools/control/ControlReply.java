package dev.baton.tools.control;

import dev.baton.ffi.Fd;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A JSON document and the open descriptors that come with it. Who holds a reply closes it.
 *
 * @param document    a tree, see {@link dev.baton.tools.json.JsonWriter}
 * @param descriptors descriptors that travel with it, owned by the reply
 */
public record ControlReply(@Nullable Object document, List<Fd> descriptors) implements AutoCloseable {
    /**
     * A document without descriptors.
     *
     * @param document a tree
     * @return the reply
     */
    public static ControlReply of(Object document) {
        return new ControlReply(document, List.of());
    }

    /**
     * A refusal.
     *
     * @param why one sentence
     * @return the reply
     */
    public static ControlReply error(String why) {
        return of(Map.of("error", why));
    }

    @Override
    public void close() {
        descriptors.forEach(Fd::close);
    }
}
