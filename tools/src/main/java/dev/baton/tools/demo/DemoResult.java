package dev.baton.tools.demo;

import dev.baton.tools.json.JsonReader;
import dev.baton.tools.traffic.Arrivals;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the demo measured.
 *
 * @param kernel        whether the far side was the kernel
 * @param seconds       how long data was sent
 * @param features      virtio features of the guest
 * @param guestPort     Baton's port to the guest
 * @param farPort       Baton's port to the far side
 * @param handovers     the handovers in the middle of the bulk
 * @param pinged        what the guest told of its pings
 * @param farPinged     answers that the far side got to its pings
 * @param arpAnswered   ARP requests that the guest answered
 * @param guestToFar    the bulk from the guest
 * @param farToGuest    the bulk to the guest
 */
public record DemoResult(boolean kernel, int seconds, String features, String guestPort, String farPort,
        List<Handovers.Done> handovers, @Nullable Object pinged, int farPinged, long arpAnswered,
        Direction guestToFar, Direction farToGuest) {

    /**
     * The bulk in one direction.
     *
     * @param sent     data frames sent
     * @param arrivals what arrived of them
     */
    public record Direction(long sent, Arrivals arrivals) {
        long lost() {
            return sent - arrivals.frames();
        }

        boolean isPerfect() {
            return sent > 0 && lost() == 0 && arrivals.duplicated() == 0 && arrivals.reordered() == 0
                    && arrivals.corrupted() == 0;
        }

        Map<String, Object> tree(int seconds) {
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("frames", arrivals.frames());
            tree.put("sent", sent);
            tree.put("lost", lost());
            tree.put("duplicated", arrivals.duplicated());
            tree.put("reordered", arrivals.reordered());
            tree.put("corrupted", arrivals.corrupted());
            tree.put("bytes", arrivals.bytes());
            tree.put("framesPerSecond", arrivals.frames() / seconds);
            tree.put("bitsPerSecond", arrivals.bytes() * 8 / seconds);
            tree.put("latencyNs", Latency.tree(arrivals.latencyNs()));
            return tree;
        }
    }

    /**
     * Whether nothing was lost, duplicated, reordered or corrupted, and every ping answered, and ARP too.
     *
     * @return true when all is well
     */
    public boolean isPerfect() {
        return guestToFar.isPerfect() && farToGuest.isPerfect() && arpAnswered > 0 && farPinged == Plan.PINGS
                && JsonReader.number(pinged, "answered").intValue() == Plan.PINGS;
    }

    /**
     * The bulk directions by name.
     *
     * @return in the order to be shown
     */
    public Map<String, Direction> directions() {
        Map<String, Direction> directions = new LinkedHashMap<>();
        directions.put(kernel ? "guest -> kernel" : "guest -> memory", guestToFar);
        directions.put(kernel ? "kernel -> guest" : "memory -> guest", farToGuest);
        return directions;
    }

    private static Map<String, Object> tree(Handovers.Done handover) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("what", handover.what());
        tree.put("blackoutNs", Latency.tree(handover.blackoutNs()));
        tree.put("brownoutNs", handover.brownoutNs());
        return tree;
    }

    /**
     * The handovers in the middle of the traffic, a line each.
     *
     * @return what changed its owner, and the pause that it took
     */
    public List<String> handoverLines() {
        return handovers.stream().map(handover -> String.format(Locale.ROOT,
                "handover    %s: blackout p50 %.1f us, max %.1f us%s", handover.what(),
                handover.blackoutNs().getValueAtPercentile(50) / 1000.0, handover.blackoutNs().getMaxValue() / 1000.0,
                handover.brownoutNs() == 0 ? ""
                        : String.format(Locale.ROOT, ", prepared in %.1f s", handover.brownoutNs() / 1e9))).toList();
    }

    /**
     * Everything, for {@code --json}.
     *
     * @return a tree
     */
    public Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("farSide", kernel ? "kernel" : "memory");
        tree.put("seconds", seconds);
        tree.put("guestPort", guestPort);
        tree.put("farPort", farPort);
        tree.put("features", features);
        Map<String, Object> pings = new LinkedHashMap<>();
        pings.put("guestSent", JsonReader.number(pinged, "sent"));
        pings.put("guestAnswered", JsonReader.number(pinged, "answered"));
        pings.put("guestRoundTripNs", JsonReader.at(pinged, "roundTripNs"));
        pings.put("farSent", Plan.PINGS);
        pings.put("farAnswered", farPinged);
        pings.put("guestArpAnswered", arpAnswered);
        tree.put("ping", pings);
        Map<String, Object> directions = new LinkedHashMap<>();
        directions.put("guestToFar", guestToFar.tree(seconds));
        directions.put("farToGuest", farToGuest.tree(seconds));
        tree.put("directions", directions);
        tree.put("handovers", handovers.stream().map(DemoResult::tree).toList());
        tree.put("perfect", isPerfect());
        return tree;
    }
}
