package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.agrona.concurrent.status.CountersReader;

/**
 * The counters of a datapath as they stood at one moment, read from its counters memory without touching its agents.
 *
 * @param ports  by port name, in the order the ports were added
 * @param agents by index
 */
public record CountersSnapshot(Map<String, PortStats> ports, List<AgentStats> agents) {
    /**
     * Reads the counters memory, usually another process's.
     *
     * @param counters the memfd as {@link Datapath#countersFd()} gives it; stays the caller's
     */
    public static CountersSnapshot read(Fd counters) {
        try (Mapping mapping = Mapping.sharedReadOnly(counters, 0, FileIo.size(counters))) {
            return read(CountersLayout.reader(mapping));
        }
    }

    /** The threads of the counters' process that touch rings and connections; empty: unknown. */
    static List<Integer> ownerThreads(Fd counters) {
        try (Mapping mapping = Mapping.sharedReadOnly(counters, 0, FileIo.size(counters))) {
            CountersLayout.check(mapping);
            return CountersLayout.owners(mapping);
        }
    }

    private static CountersSnapshot read(CountersReader reader) {
        Map<String, Map<String, Long>> ports = new LinkedHashMap<>();
        Map<Integer, Map<String, Long>> agents = new TreeMap<>();
        Map<Integer, Integer> cpus = new TreeMap<>();
        reader.forEach((value, id, label) -> {
            PortLabel parsed = PortLabel.parse(label);
            if (parsed != null && parsed.owner().equals("port")) {
                ports.computeIfAbsent(parsed.name(), name -> new TreeMap<>()).merge(parsed.key(), value, Long::sum);
            } else if (parsed != null && parsed.owner().equals("agent")) {
                int agent = Integer.parseInt(parsed.name());
                cpus.put(agent, parsed.index());
                agents.computeIfAbsent(agent, index -> new TreeMap<>()).put(parsed.key(), value);
            }
        });
        Map<String, PortStats> portStats = new LinkedHashMap<>();
        ports.forEach((name, values) -> portStats.put(name, portStats(values)));
        List<AgentStats> agentStats = new ArrayList<>();
        agents.forEach((index, values) -> agentStats.add(agentStats(index, cpus.getOrDefault(index, -1), values)));
        return new CountersSnapshot(Collections.unmodifiableMap(portStats), List.copyOf(agentStats));
    }

    private static PortStats portStats(Map<String, Long> values) {
        return new PortStats(direction(values, "rx"), direction(values, "tx"),
            values.getOrDefault("coalesced", 0L), values.getOrDefault("software-offload", 0L),
            values.getOrDefault("kicks", 0L), values.getOrDefault("calls", 0L), byReason(values, PortLabel.FAULTS));
    }

    private static DirectionStats direction(Map<String, Long> values, String direction) {
        return new DirectionStats(values.getOrDefault(direction + ".frames", 0L),
            values.getOrDefault(direction + ".bytes", 0L), values.getOrDefault(direction + ".bursts", 0L),
            byReason(values, direction + ".drops."));
    }

    private static SortedMap<String, Long> byReason(Map<String, Long> values, String prefix) {
        SortedMap<String, Long> reasons = new TreeMap<>();
        values.forEach((key, value) -> {
            if (key.startsWith(prefix) && value != 0) {
                reasons.put(key.substring(prefix.length()), value);
            }
        });
        return Collections.unmodifiableSortedMap(reasons);
    }

    private static AgentStats agentStats(int index, int cpu, Map<String, Long> values) {
        return new AgentStats(index, cpu, values.getOrDefault("duty-cycles", 0L),
            values.getOrDefault("busy-cycles", 0L), values.getOrDefault("busy-ns", 0L),
            values.getOrDefault("frames", 0L), values.getOrDefault("sleeps", 0L),
            values.getOrDefault("max-cycle-ns", 0L), values.getOrDefault("alive-ns", 0L));
    }
}
