package dev.baton.tools.options;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that {@code baton run} was asked for, consistent in itself.
 *
 * @param ports   the ports, in the order given
 * @param wires   the wires between them
 * @param control the control socket, or null for none
 * @param cpus    one agent for each of these CPUs; empty: one agent that is not pinned
 * @param busy    true: the agents poll without pause; false: they sleep after a quiet while
 * @param transfer how the datapath is handed over
 */
public record RunOptions(List<PortSpec> ports, List<WireSpec> wires, @Nullable Path control, List<Integer> cpus,
        boolean busy, TransferOptions transfer) {

    /**
     * Puts the options of a file and of the command line together. A port, wire or value of the command line takes the
     * place of the file's: a port by its name, a wire by the ports that it touches.
     *
     * @param file      the options of the configuration file
     * @param arguments the options of the command line
     * @return the options that hold
     * @throws UsageException for the first option that is refused
     */
    public static RunOptions of(List<OptionLine> file, List<OptionLine> arguments) {
        Collector collector = new Collector();
        collector.addAll(file);
        collector.addAll(arguments);
        return collector.finish();
    }

    /**
     * The options as they hold, one a line, in the form of a configuration file.
     *
     * @return the lines, each without a line end
     */
    public List<String> describe() {
        List<String> lines = new ArrayList<>();
        ports.forEach(port -> lines.add("port = " + port.describe()));
        wires.forEach(wire -> lines.add("wire = " + wire.describe()));
        if (control != null) {
            lines.add("control = " + control);
        }
        if (!cpus.isEmpty()) {
            lines.add("cpus = " + String.join(",", cpus.stream().map(String::valueOf).toList()));
        }
        lines.add("idle = " + (busy ? "busy" : "adaptive"));
        lines.addAll(transfer.describe());
        return lines;
    }

    /** Takes options source by source: what a later source says replaces what an earlier one said. */
    private static final class Collector {
        private final Map<String, PortSpec> ports = new LinkedHashMap<>();
        private final Map<String, OptionLine> portLines = new HashMap<>();
        private final Map<WireSpec, OptionLine> wires = new LinkedHashMap<>();
        private @Nullable Path control;
        private List<Integer> cpus = List.of();
        private boolean busy;
        private TransferOptions transfer = TransferOptions.DEFAULT;

        void addAll(List<OptionLine> lines) {
            Map<String, OptionLine> seen = new HashMap<>();
            Map<String, OptionLine> wired = new HashMap<>();
            for (OptionLine line : lines) {
                switch (line.key()) {
                    case "port" -> port(line, seen);
                    case "wire" -> wire(line, wired);
                    default -> {
                        if (seen.put("option " + line.key(), line) != null) {
                            throw line.refuse("'" + line.key() + "' is given twice");
                        }
                        single(line);
                    }
                }
            }
        }

        private void port(OptionLine line, Map<String, OptionLine> seen) {
            PortSpec port = PortParser.parse(line);
            if (seen.put("port " + port.name(), line) != null) {
                throw line.refuse("there are two ports with the name '" + port.name() + "'");
            }
            ports.put(port.name(), port);
            portLines.put(port.name(), line);
        }

        private void wire(OptionLine line, Map<String, OptionLine> wired) {
            WireSpec wire = WireSpec.parse(line);
            for (String port : List.of(wire.a(), wire.b())) {
                OptionLine other = wired.put(port, line);
                if (other != null) {
                    throw line.refuse("the port '" + port + "' is wired already, by " + other.value());
                }
                wires.keySet().removeIf(earlier -> earlier.touches(port));
            }
            wires.put(wire, line);
        }

        private void single(OptionLine line) {
            if (line.value().isEmpty()) {
                throw new UsageException(line.origin() + ": the value is missing");
            }
            switch (line.key()) {
                case "control" -> control = PortParser.socketPath(line, line.value());
                case "cpus" -> cpus = CpuList.parse(line);
                case "idle" -> busy = switch (line.value()) {
                    case "busy" -> true;
                    case "adaptive" -> false;
                    default -> throw line.refuse("the idle mode is " + Syntax.IDLE);
                };
                case "backend-transfer" -> transfer = transfer.withBackendTransfer(line);
                case "profile" -> transfer = transfer.withProfile(line);
                default -> throw new UsageException(line.origin() + ": unknown key, a line is " + Syntax.CONFIG_LINE);
            }
        }

        RunOptions finish() {
            if (ports.isEmpty()) {
                throw new UsageException("there is nothing to run: give at least one --port " + Syntax.PORT);
            }
            wires.forEach((wire, line) -> {
                for (String port : List.of(wire.a(), wire.b())) {
                    if (!ports.containsKey(port)) {
                        throw line.refuse("there is no port '" + port + "', the ports are "
                                + String.join(", ", ports.keySet()));
                    }
                }
                refuseNullWithoutGuest(wire, line);
            });
            refuseSharedPaths();
            return new RunOptions(List.copyOf(ports.values()), List.copyOf(wires.keySet()), control, cpus, busy,
                    transfer);
        }

        private void refuseNullWithoutGuest(WireSpec wire, OptionLine line) {
            PortSpec a = ports.get(wire.a());
            PortSpec b = ports.get(wire.b());
            if ((a instanceof PortSpec.Null && !(b instanceof PortSpec.VhostUser))
                    || (b instanceof PortSpec.Null && !(a instanceof PortSpec.VhostUser))) {
                throw line.refuse("a null port can be wired to a vhost-user port alone");
            }
        }

        private void refuseSharedPaths() {
            Map<String, String> users = new HashMap<>();
            if (control != null) {
                users.put("socket " + control.toAbsolutePath().normalize(), "the control socket");
            }
            for (PortSpec port : ports.values()) {
                String what = switch (port) {
                    case PortSpec.VhostUser it -> "socket " + it.path().toAbsolutePath().normalize();
                    case PortSpec.Tap it when it.netns() == null -> "interface " + it.ifname();
                    case PortSpec.Tap it -> "interface " + it.ifname() + " in " + it.netns();
                    case PortSpec.Loopback it -> "loopback " + it.name();
                    case PortSpec.Null it -> "null " + it.name();
                };
                String other = users.put(what, "the port '" + port.name() + "'");
                OptionLine line = portLines.get(port.name());
                if (other != null && line != null) {
                    throw line.refuse("the " + what + " belongs to " + other + " already");
                }
            }
        }
    }
}
