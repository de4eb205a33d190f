package dev.baton.tools;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.Port;
import dev.baton.datapath.StandbyStatus;
import dev.baton.datapath.Wire;
import dev.baton.ffi.FileIo;
import dev.baton.tools.control.ControlCommand;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.options.Numbers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;

/** What a running daemon answers on its control socket. */
final class DaemonCommands {
    private DaemonCommands() {
    }

    static List<ControlCommand> of(Datapath datapath, HandoverService handovers) {
        return List.of(
                new Answer("version", "version and process of this Baton", () -> ControlReply.of(version())),
                new Answer("ports", "the ports, their options, state and wires",
                        () -> ControlReply.of(about(datapath))),
                new Answer("stat", "the counters of ports and agents, and what standbys know",
                        () -> ControlReply.of(StatDocument.of(withStandbys(datapath), datapath.counters()))),
                new Answer("counters", "like 'ports', standbys, and a descriptor of the counters memory, to be read",
                        () -> counters(datapath)),
                new Answer("snapshot", "where every virtqueue stands, taken while it runs",
                        () -> ControlReply.of(SnapshotDocument.of(datapath.snapshot()))),
                new Request("move", "'move PORT PAIR AGENT': gives a queue pair to another agent",
                        argument -> move(datapath, argument)),
                new Request("takeover", "a channel by which another process takes the datapath over",
                        handovers::takeover),
                new Request("standby", "a channel for a process that goes on when this one dies",
                        handovers::standby));
    }

    private record Request(String name, String summary, Function<String, ControlReply> reply)
            implements ControlCommand {
        @Override
        public ControlReply answer(String argument) {
            return reply.apply(argument);
        }
    }

    private static ControlReply move(Datapath datapath, String argument) {
        String[] words = argument.split("\\s+", -1);
        int pair = words.length == 3 ? Numbers.parse(words[1]) : -1;
        int agent = words.length == 3 ? Numbers.parse(words[2]) : -1;
        if (pair < 0 || agent < 0) {
            return ControlReply.error("it is 'move PORT PAIR AGENT', pairs and agents counted from 0");
        }
        Port port = datapath.port(words[0]);
        if (port == null) {
            return ControlReply.error("there is no port '" + words[0] + "'");
        }
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("port", port.name());
        tree.put("pair", pair);
        tree.put("agent", agent);
        tree.put("blackoutNs", datapath.move(port, pair, agent).ns());
        return ControlReply.of(tree);
    }

    private record Answer(String name, String summary, Supplier<ControlReply> reply) implements ControlCommand {
        @Override
        public ControlReply answer(String argument) {
            return argument.isEmpty() ? reply.get() : ControlReply.error(name + " takes no argument");
        }
    }

    private static Map<String, Object> version() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("version", Version.text());
        tree.put("pid", ProcessHandle.current().pid());
        return tree;
    }

    private static Map<String, Object> about(Datapath datapath) {
        Map<String, Object> ports = new LinkedHashMap<>();
        List<Wire> wires = datapath.wires();
        for (Port port : datapath.ports()) {
            Map<String, Object> words = new LinkedHashMap<>();
            words.put("port", port.describe());
            words.put("state", datapath.state(port));
            for (Wire wire : wires) {
                if (wire.a() == port || wire.b() == port) {
                    words.put("wire", (wire.a() == port ? wire.b() : wire.a()).name());
                }
            }
            ports.put(port.name(), words);
        }
        Map<String, Object> tree = version();
        tree.put("ports", ports);
        return tree;
    }

    private static Map<String, Object> withStandbys(Datapath datapath) {
        Map<String, Object> tree = about(datapath);
        tree.put("standbys", datapath.standbys().stream().map(DaemonCommands::standby).toList());
        return tree;
    }

    private static Map<String, Object> standby(StandbyStatus standby) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("pid", standby.pid());
        tree.put("state", standby.state().name().toLowerCase(Locale.ROOT));
        tree.put("changesBehind", standby.changesBehind());
        tree.put("lateNs", standby.lateNs());
        return tree;
    }

    /** A descriptor of its own for the reader, open for reading only: nobody counts in our memory but us. */
    private static ControlReply counters(Datapath datapath) {
        Map<String, Object> about = withStandbys(datapath);
        String path = "/proc/self/fd/" + datapath.countersFd().value();
        return new ControlReply(about, List.of(FileIo.open(path, FileIo.O_RDONLY, 0)));
    }
}
