package dev.baton.tools;

import dev.baton.tools.json.JsonReader;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A {@link StatDocument} for people. */
final class StatTable {
    private StatTable() {
    }

    static String of(@Nullable Object document) {
        StringBuilder out = new StringBuilder();
        out.append("Baton ").append(JsonReader.text(document, "version")).append(", pid ")
                .append(JsonReader.number(document, "pid")).append("\n\n");
        TextTable frames = new TextTable("port", "", ">frames", ">bytes", ">drops", ">bursts", ">frames/burst");
        StringBuilder words = new StringBuilder();
        if (JsonReader.at(document, "ports") instanceof Map<?, ?> ports) {
            ports.forEach((name, port) -> {
                direction(frames, String.valueOf(name), "rx", JsonReader.at(port, "rx"));
                direction(frames, "", "tx", JsonReader.at(port, "tx"));
                words(words, String.valueOf(name), port);
            });
        }
        out.append(frames).append('\n').append(words).append('\n');
        TextTable agents = new TextTable("agent", "cpu", ">frames", ">duty cycles", ">busy", ">sleeps",
                ">longest cycle, us");
        if (JsonReader.at(document, "agents") instanceof List<?> list) {
            list.forEach(agent -> agent(agents, agent));
        }
        out.append(agents);
        if (JsonReader.at(document, "standbys") instanceof List<?> standbys && !standbys.isEmpty()) {
            out.append('\n');
            standbys.forEach(standby -> standby(out, standby));
        }
        return out.toString();
    }

    private static void standby(StringBuilder out, @Nullable Object standby) {
        out.append("standby, pid ").append(JsonReader.number(standby, "pid")).append(": ")
                .append(JsonReader.text(standby, "state"));
        if (JsonReader.number(standby, "lateNs").longValue() > 0) {
            out.append(String.format(Locale.ROOT, " for %.1f s, %,d changes behind: it does not read",
                    JsonReader.number(standby, "lateNs").doubleValue() / 1e9,
                    JsonReader.number(standby, "changesBehind").longValue()));
        }
        out.append('\n');
    }

    private static void direction(TextTable table, String name, String which, @Nullable Object direction) {
        table.row(name, which, JsonReader.number(direction, "frames"), JsonReader.number(direction, "bytes"),
                JsonReader.number(direction, "drops", "total"), JsonReader.number(direction, "bursts"),
                JsonReader.number(direction, "framesPerBurst").doubleValue());
    }

    private static void words(StringBuilder out, String name, @Nullable Object port) {
        Object wire = JsonReader.at(port, "wire");
        out.append(name).append(": ").append(JsonReader.text(port, "state"))
                .append(wire == null ? "; " : "; wired to " + wire + "; ")
                .append(JsonReader.number(port, "kicks")).append(" kicks, ")
                .append(JsonReader.number(port, "calls")).append(" calls");
        frames(out, JsonReader.number(port, "coalesced").longValue(), "coalesced");
        // A Baton that runs may be older than the one that asks.
        frames(out, JsonReader.at(port, "softwareOffload") instanceof Number number ? number.longValue() : 0,
                "cut or summed up in software");
        out.append('\n');
        reasons(out, "  dropped rx: ", JsonReader.at(port, "rx", "drops"));
        reasons(out, "  dropped tx: ", JsonReader.at(port, "tx", "drops"));
        reasons(out, "  faults: ", JsonReader.at(port, "faults"));
    }

    private static void frames(StringBuilder out, long frames, String what) {
        if (frames != 0) {
            out.append(", ").append(frames).append(" frames ").append(what);
        }
    }

    private static void reasons(StringBuilder out, String title, @Nullable Object reasons) {
        if (reasons instanceof Map<?, ?> map && map.size() > 1) {
            out.append(title).append(map.entrySet().stream().filter(entry -> !"total".equals(entry.getKey()))
                    .map(entry -> entry.getValue() + " " + entry.getKey()).collect(Collectors.joining(", ")))
                    .append('\n');
        }
    }

    private static void agent(TextTable table, @Nullable Object agent) {
        long cpu = JsonReader.number(agent, "cpu").longValue();
        long cycles = JsonReader.number(agent, "dutyCycles").longValue();
        long busy = JsonReader.number(agent, "busyCycles").longValue();
        table.row(JsonReader.number(agent, "index").toString(), cpu < 0 ? "any" : String.valueOf(cpu),
                JsonReader.number(agent, "frames"), cycles,
                cycles == 0 ? "-" : Math.round(100.0 * busy / cycles) + " %",
                JsonReader.number(agent, "sleeps"), JsonReader.number(agent, "maxCycleNs").doubleValue() / 1000);
    }
}
