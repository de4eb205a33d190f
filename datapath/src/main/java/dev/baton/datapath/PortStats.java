package dev.baton.datapath;

import java.util.SortedMap;

/**
 * The counters of one port, summed over its queue pairs.
 *
 * @param rx             frames that entered Baton by this port
 * @param tx             frames that left Baton by this port
 * @param coalesced      frames of {@code tx} that went out as part of a larger one, to be cut by the receiver
 * @param softwareOffload frames of {@code tx} that were cut from a larger one, or summed up, in software: the receiver
 *     takes them in no other way
 * @param kicks          wake-ups by a kick of the driver; a polled queue has none
 * @param calls          calls sent to the driver
 * @param faultsByReason queues or connections that were stopped for breaking the rules; only reasons that occurred
 */
public record PortStats(DirectionStats rx, DirectionStats tx, long coalesced, long softwareOffload, long kicks,
                        long calls, SortedMap<String, Long> faultsByReason) {
}
