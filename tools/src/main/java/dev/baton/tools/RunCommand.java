package dev.baton.tools;

import dev.baton.tools.options.ConfigFile;
import dev.baton.tools.options.OptionLine;
import dev.baton.tools.options.RunOptions;
import dev.baton.tools.options.Syntax;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton run}: the daemon. */
@Command(name = "run", mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
        usageHelpWidth = 110, sortOptions = false,
        description = "Moves frames between ports until it is told to end (SIGTERM, Ctrl-C).",
        footer = {"", "Example:",
            "  baton run --port vhost-user:vm0,path=/run/vm0.sock,queues=2 \\",
            "            --port tap:tap0,queues=2 --wire vm0=tap0 --control /run/baton.sock"})
final class RunCommand implements Callable<Integer> {
    @Option(names = "--port", paramLabel = "PORT",
            description = {"A port:", "  " + Syntax.VHOST_USER, "  " + Syntax.TAP,
                "  " + Syntax.LOOPBACK, "  " + Syntax.NULL})
    private List<String> ports = new ArrayList<>();

    @Option(names = "--wire", paramLabel = "A=B", description = "Joins two ports: " + Syntax.WIRE + ".")
    private List<String> wires = new ArrayList<>();

    @Option(names = "--control", paramLabel = "PATH",
            description = "The UNIX socket for 'baton stat' and other commands.")
    private @Nullable String control;

    @Option(names = "--cpus", paramLabel = "LIST",
            description = "One agent pinned to each CPU: " + Syntax.CPUS + ". Default: one agent, not pinned.")
    private @Nullable String cpus;

    @Option(names = "--idle", paramLabel = "MODE",
            description = "What an agent does without traffic: " + Syntax.IDLE + ". Default: adaptive.")
    private @Nullable String idle;

    @Option(names = "--backend-transfer", paramLabel = "on|off",
            description = "In a takeover, whether the state of TAPs goes to the new owner. Default: on.")
    private @Nullable String backendTransfer;

    @Option(names = "--profile", paramLabel = "NAME",
            description = "The compatibility profile: " + Syntax.PROFILE + ". Default: current.")
    private @Nullable String profile;

    @Option(names = "--config", paramLabel = "FILE",
            description = "Takes options from a file, one a line: " + Syntax.CONFIG_LINE
                    + ". The command line adds ports and wires and goes before the file.")
    private @Nullable String config;

    @Override
    public Integer call() {
        RunOptions options = options();
        Termination termination = Termination.watch();
        int status = Main.FAILED;
        try (Daemon _ = Daemon.start(options, termination::ask)) {
            options.describe().forEach(System.out::println);
            System.out.println("baton: ready");
            System.out.flush();
            termination.await();
            status = 0;
        } finally {
            termination.closed(status);
        }
        return status;
    }

    private RunOptions options() {
        List<OptionLine> arguments = new ArrayList<>();
        ports.forEach(port -> arguments.add(OptionLine.argument("port", port)));
        wires.forEach(wire -> arguments.add(OptionLine.argument("wire", wire)));
        add(arguments, "control", control);
        add(arguments, "cpus", cpus);
        add(arguments, "idle", idle);
        add(arguments, "backend-transfer", backendTransfer);
        add(arguments, "profile", profile);
        return RunOptions.of(config == null ? List.of() : ConfigFile.read(config), arguments);
    }

    private static void add(List<OptionLine> arguments, String key, @Nullable String value) {
        if (value != null) {
            arguments.add(OptionLine.argument(key, value));
        }
    }
}
