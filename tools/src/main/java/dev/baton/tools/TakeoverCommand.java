package dev.baton.tools;

import dev.baton.datapath.ControlPlane;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.HandoverOptions;
import dev.baton.datapath.HandoverReport;
import dev.baton.datapath.Takeover;
import dev.baton.ffi.Fd;
import dev.baton.handover.HandoverException;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonWriter;
import dev.baton.tools.options.OptionLine;
import dev.baton.tools.options.Syntax;
import dev.baton.tools.options.TransferOptions;
import dev.baton.tools.options.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton takeover}: a new process relieves the running one, and goes on as the daemon. */
@Command(name = "takeover", mixinStandardHelpOptions = true, usageHelpAutoWidth = true, sortOptions = false,
        description = {"Takes everything over from a running Baton, which then ends, and goes on in its place:",
            "its ports, connections, counters and options, on the same control socket. Guests do not notice."})
final class TakeoverCommand implements Callable<Integer> {
    private static final int MAX_TIMEOUT_S = 3600;

    @Option(names = "--control", required = true, paramLabel = "PATH",
            description = "The control socket of the running Baton.")
    private Path control = Path.of("");

    @Option(names = "--backend-transfer", paramLabel = "on|off", defaultValue = "on",
            description = "Whether the state of TAPs is taken over; as in the running Baton. Default: on.")
    private String backendTransfer = "on";

    @Option(names = "--profile", paramLabel = "NAME", defaultValue = "current",
            description = "The compatibility profile of the running Baton: " + Syntax.PROFILE + ". Default: current.")
    private String profile = "current";

    @Option(names = "--timeout", paramLabel = "SECONDS", defaultValue = "10",
            description = "How long the running Baton may be silent. Default: ${DEFAULT-VALUE}.")
    private int timeoutSeconds;

    @Option(names = "--json", description = "Prints what it took as JSON.")
    private boolean json;

    @Override
    public Integer call() {
        if (timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_S) {
            throw new UsageException("--timeout is a number from 1 to " + MAX_TIMEOUT_S + ", not " + timeoutSeconds);
        }
        TransferOptions transfer = transfer(backendTransfer, profile);
        HandoverOptions options = HandoverService.options(transfer).withTimeoutMs(timeoutSeconds * 1000L);
        Termination termination = Termination.watch();
        // Until it owns something, a signal ends this process and nothing else: the running one goes on.
        termination.letGo(Main.FAILED);
        int status = Main.FAILED;
        try {
            goOn(takeOver(options.withControlPlane(holding(termination))), transfer, termination);
            status = 0;
        } finally {
            termination.closed(status);
        }
        return status;
    }

    /** From the moment when lanes may come a signal waits: they are to be closed, and so are the sockets with them. */
    private static ControlPlane holding(Termination termination) {
        return new ControlPlane() {
            @Override
            public void taking() {
                termination.hold();
            }
        };
    }

    private void goOn(Takeover takeover, TransferOptions transfer, Termination termination) {
        try (Daemon daemon = Daemon.takenOver(takeover, transfer, termination::ask)) {
            show(takeover.report(), daemon);
            System.out.println("baton: ready");
            System.out.flush();
            termination.await();
        }
    }

    /** The two options that both owners must agree on. */
    static TransferOptions transfer(@Nullable String backendTransfer, @Nullable String profile) {
        TransferOptions options = TransferOptions.DEFAULT;
        if (backendTransfer != null) {
            options = options.withBackendTransfer(OptionLine.argument("backend-transfer", backendTransfer));
        }
        return profile == null ? options : options.withProfile(OptionLine.argument("profile", profile));
    }

    private Takeover takeOver(HandoverOptions options) {
        try {
            return Datapath.takeOver(channel(control, "takeover timeout=" + timeoutSeconds), options);
        } catch (HandoverException e) {
            throw new CommandFailure("nothing was taken over: " + e.getMessage());
        }
    }

    /** Asks a running Baton for a channel. */
    static Fd channel(Path control, String request) {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask(request)) {
            if (reply.descriptors().size() != 1) {
                throw new CommandFailure("the Baton behind " + control + " sent no channel");
            }
            return reply.descriptors().getFirst().duplicate();
        } catch (IOException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()));
        }
    }

    private void show(HandoverReport report, Daemon daemon) {
        if (json) {
            System.out.print(JsonWriter.pretty(HandoverText.tree(report)));
        } else {
            HandoverText.lines(report).forEach(System.out::println);
            daemon.describe().forEach(System.out::println);
        }
    }
}
