package dev.baton.tools;

import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonReader;
import dev.baton.tools.json.JsonWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton move}: a queue pair changes its agent while it carries traffic. */
@Command(name = "move", mixinStandardHelpOptions = true, usageHelpAutoWidth = true, sortOptions = false,
        description = {"Gives a queue pair of a running Baton to another agent, with all pairs that share its queues.",
            "Agents are counted from 0, in the order of --cpus."})
final class MoveCommand implements Callable<Integer> {
    @Option(names = "--control", required = true, paramLabel = "PATH",
            description = "The control socket of that Baton.")
    private Path control = Path.of("");

    @Option(names = "--port", required = true, paramLabel = "NAME", description = "A wired port.")
    private String port = "";

    @Option(names = "--pair", required = true, paramLabel = "N", description = "One of its queue pairs, from 0.")
    private int pair;

    @Option(names = "--to", required = true, paramLabel = "AGENT", description = "The agent that shall own it.")
    private int agent;

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    @Override
    public Integer call() {
        try (ControlClient client = ControlClient.connect(control);
                ControlReply reply = client.ask("move " + port + " " + pair + " " + agent)) {
            if (json) {
                System.out.print(JsonWriter.pretty(reply.document()));
            } else {
                System.out.printf(Locale.ROOT, "queue pair %d of %s: agent %d, blackout %.1f us%n", pair, port, agent,
                        JsonReader.number(reply.document(), "blackoutNs").longValue() / 1000.0);
            }
            System.out.flush();
            return 0;
        } catch (IOException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()));
        }
    }
}
