package dev.baton.tools;

import dev.baton.datapath.Blackout;
import dev.baton.datapath.Carried;
import dev.baton.datapath.HandoverReport;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** What a handover took, for people and for programs. */
final class HandoverText {
    private HandoverText() {
    }

    private static Histogram blackouts(HandoverReport report) {
        Histogram histogram = new Histogram(3);
        for (Blackout blackout : report.blackouts()) {
            // After a crash the last sign of life may be unknown: that is no pause of 0.
            if (blackout.releasedNs() != 0) {
                histogram.recordValue(Math.max(0, blackout.ns()));
            }
        }
        return histogram;
    }

    static List<String> lines(HandoverReport report) {
        Histogram blackout = blackouts(report);
        Carried carried = report.carried();
        String pause = blackout.getTotalCount() == 0 ? "blackout unknown" : String.format(Locale.ROOT,
                "blackout p50 %.1f us, p99 %.1f us, max %.1f us over %d lanes",
                blackout.getValueAtPercentile(50) / 1000.0, blackout.getValueAtPercentile(99) / 1000.0,
                blackout.getMaxValue() / 1000.0, blackout.getTotalCount());
        return List.of(
                (report.recovered() > 0 ? "recovered from" : "taken over from") + " pid " + report.formerPid() + ": "
                        + pause,
                String.format(Locale.ROOT, "brownout %.1f s", report.brownoutNs() / 1e9),
                "carried " + carried.ports() + " ports, " + carried.wires() + " wires, " + carried.connections()
                        + " vhost-user connections, " + carried.virtqueues() + " virtqueues, " + carried.regions()
                        + " memory regions, " + carried.tapQueues() + " back-end queues");
    }

    static Map<String, Object> tree(HandoverReport report) {
        Histogram blackout = blackouts(report);
        Map<String, Object> pause = new LinkedHashMap<>();
        pause.put("lanes", blackout.getTotalCount());
        pause.put("p50", blackout.getValueAtPercentile(50));
        pause.put("p99", blackout.getValueAtPercentile(99));
        pause.put("max", blackout.getMaxValue());
        Map<String, Object> carried = new LinkedHashMap<>();
        carried.put("ports", report.carried().ports());
        carried.put("wires", report.carried().wires());
        carried.put("lanes", report.carried().lanes());
        carried.put("connections", report.carried().connections());
        carried.put("virtqueues", report.carried().virtqueues());
        carried.put("regions", report.carried().regions());
        carried.put("backEndQueues", report.carried().tapQueues());
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("pid", ProcessHandle.current().pid());
        tree.put("formerPid", report.formerPid());
        tree.put("recovered", report.recovered());
        tree.put("blackoutNs", pause);
        tree.put("brownoutNs", report.brownoutNs());
        tree.put("carried", carried);
        return tree;
    }
}
