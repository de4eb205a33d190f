package dev.baton.datapath;

import dev.baton.tap.TapConfig;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a TAP port was made with, as a text that travels to the next owner: a line {@code key=value} for each option.
 *
 * @param ifname     the interface
 * @param netns      its network namespace, null for the process's own
 * @param persistent whether the interface stays when the last owner ends
 * @param coalescing whether frames of one flow may go to the kernel as one
 * @param ioUring    whether a burst is one call of the kernel where it has io_uring
 */
record TapOptions(String ifname, @Nullable String netns, boolean persistent, boolean coalescing, boolean ioUring) {
    static TapOptions of(TapPortConfig config) {
        TapConfig tap = config.tap();
        return new TapOptions(tap.name(), tap.networkNamespace(), tap.persistent(), config.coalescing(),
            config.ioUring());
    }

    static TapOptions parse(String text) {
        Map<String, String> values = new HashMap<>();
        for (String line : text.split("\n", -1)) {
            int equals = line.indexOf('=');
            if (equals < 0 || values.put(line.substring(0, equals), line.substring(equals + 1)) != null) {
                throw new DatapathException("options of a TAP port: \"" + line + "\"");
            }
        }
        String ifname = values.get("ifname");
        if (ifname == null) {
            throw new DatapathException("options of a TAP port: no ifname");
        }
        return new TapOptions(ifname, values.get("netns"), "on".equals(values.get("persistent")),
            !"off".equals(values.get("coalesce")), !"plain".equals(values.get("io")));
    }

    String text() {
        return "ifname=" + ifname + "\npersistent=" + (persistent ? "on" : "off")
            + "\ncoalesce=" + (coalescing ? "on" : "off")
            + (ioUring ? "" : "\nio=plain")
            + (netns == null ? "" : "\nnetns=" + netns);
    }

    /** How a new owner opens the interface by itself. */
    TapConfig config(int queuePairs) {
        return TapConfig.builder(ifname).queues(queuePairs).networkNamespace(netns).persistent(persistent).up(true)
            .build();
    }
}
