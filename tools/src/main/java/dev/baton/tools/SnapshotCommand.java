package dev.baton.tools;

import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton snapshot}: where every virtqueue of a running Baton stands. */
@Command(name = "snapshot", mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
        description = "Prints the state of a running Baton as JSON, each queue pair as it stands between two bursts.")
final class SnapshotCommand implements Callable<Integer> {
    @Option(names = "--control", required = true, paramLabel = "PATH",
            description = "The control socket of that Baton.")
    private Path control = Path.of("");

    @Override
    public Integer call() {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask("snapshot")) {
            System.out.print(JsonWriter.pretty(reply.document()));
            System.out.flush();
            return 0;
        } catch (IOException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()));
        }
    }
}
