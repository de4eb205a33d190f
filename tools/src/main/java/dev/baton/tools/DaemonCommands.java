package dev.baton.tools;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.Port;
import dev.baton.datapath.Wire;
import dev.baton.ffi.FileIo;
import dev.baton.tools.control.ControlCommand;
import dev.baton.tools.control.ControlReply;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** What a running daemon answers on its control socket. */
final class DaemonCommands {
    private DaemonCommands() {
    }

    static List<ControlCommand> of(Datapath datapath) {
        return List.of(
                new Answer("version", "version and process of this Baton", () -> ControlReply.of(version())),
                new Answer("ports", "the ports, their options, state and wires",
                        () -> ControlReply.of(about(datapath))),
                new Answer("stat", "the counters of ports and agents",
                        () -> ControlReply.of(StatDocument.of(about(datapath), datapath.counters()))),
                new Answer("counters", "like 'ports', and a descriptor of the counters memory, to be read",
                        () -> counters(datapath)));
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

    /** A descriptor of its own for the reader, open for reading only: nobody counts in our memory but us. */
    private static ControlReply counters(Datapath datapath) {
        Map<String, Object> about = about(datapath);
        String path = "/proc/self/fd/" + datapath.countersFd().value();
        return new ControlReply(about, List.of(FileIo.open(path, FileIo.O_RDONLY, 0)));
    }
}
