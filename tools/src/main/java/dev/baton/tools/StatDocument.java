package dev.baton.tools;

import dev.baton.datapath.AgentStats;
import dev.baton.datapath.CountersSnapshot;
import dev.baton.datapath.DirectionStats;
import dev.baton.datapath.PortStats;
import dev.baton.tools.json.JsonReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What {@code stat} tells, as a tree: what a Baton says of its ports, and what its counters memory holds of them. */
final class StatDocument {
    private StatDocument() {
    }

    /**
     * Puts both together.
     *
     * @param about    the reply to {@code counters}: version, pid, ports and standbys
     * @param counters the counters memory, read at nearly the same time
     */
    static Map<String, Object> of(@Nullable Object about, CountersSnapshot counters) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("version", JsonReader.text(about, "version"));
        document.put("pid", JsonReader.number(about, "pid"));
        Map<String, Object> ports = new LinkedHashMap<>();
        if (JsonReader.at(about, "ports") instanceof Map<?, ?> described) {
            described.forEach((name, description) -> {
                PortStats stats = counters.ports().get(String.valueOf(name));
                if (stats != null && description instanceof Map<?, ?> words) {
                    ports.put(String.valueOf(name), port(words, stats));
                }
            });
        }
        document.put("ports", ports);
        List<Object> agents = new ArrayList<>();
        counters.agents().forEach(agent -> agents.add(agent(agent)));
        document.put("agents", agents);
        // A Baton that runs may be older than the one that asks.
        Object standbys = JsonReader.at(about, "standbys");
        if (standbys != null) {
            document.put("standbys", standbys);
        }
        return document;
    }

    private static Map<String, Object> port(Map<?, ?> words, PortStats stats) {
        Map<String, Object> port = new LinkedHashMap<>();
        words.forEach((key, value) -> port.put(String.valueOf(key), value));
        port.put("rx", direction(stats.rx()));
        port.put("tx", direction(stats.tx()));
        port.put("coalesced", stats.coalesced());
        port.put("softwareOffload", stats.softwareOffload());
        port.put("kicks", stats.kicks());
        port.put("calls", stats.calls());
        port.put("faults", byReason(stats.faultsByReason()));
        return port;
    }

    private static Map<String, Object> direction(DirectionStats stats) {
        Map<String, Object> direction = new LinkedHashMap<>();
        direction.put("frames", stats.frames());
        direction.put("bytes", stats.bytes());
        direction.put("bursts", stats.bursts());
        direction.put("framesPerBurst", Math.round(stats.framesPerBurst() * 100) / 100.0);
        direction.put("drops", byReason(stats.dropsByReason()));
        return direction;
    }

    private static Map<String, Object> byReason(Map<String, Long> reasons) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("total", reasons.values().stream().mapToLong(Long::longValue).sum());
        tree.putAll(reasons);
        return tree;
    }

    private static Map<String, Object> agent(AgentStats stats) {
        Map<String, Object> agent = new LinkedHashMap<>();
        agent.put("index", stats.index());
        agent.put("cpu", stats.cpu());
        agent.put("frames", stats.frames());
        agent.put("dutyCycles", stats.dutyCycles());
        agent.put("busyCycles", stats.busyCycles());
        agent.put("busyNs", stats.busyNs());
        agent.put("sleeps", stats.sleeps());
        agent.put("maxCycleNs", stats.maxCycleNs());
        agent.put("aliveNs", stats.aliveNs());
        return agent;
    }
}
