package dev.baton.tools;

import dev.baton.datapath.CountersSnapshot;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton stat}: the counters of a running Baton, read from the memory that its agents count in. */
@Command(name = "stat", mixinStandardHelpOptions = true, usageHelpAutoWidth = true,
        description = {"Prints the counters of a running Baton.",
            "rx is into Baton from the port, tx is out of it. Bytes are without the virtio-net header."})
final class StatCommand implements Callable<Integer> {
    @Option(names = "--control", required = true, paramLabel = "PATH",
            description = "The control socket of that Baton.")
    private Path control = Path.of("");

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    @Override
    public Integer call() {
        try (ControlClient client = ControlClient.connect(control); ControlReply about = client.ask("counters")) {
            if (about.descriptors().size() != 1) {
                throw new CommandFailure("the Baton behind " + control + " sent no counters memory");
            }
            Map<String, Object> document =
                    StatDocument.of(about.document(), CountersSnapshot.read(about.descriptors().getFirst()));
            System.out.print(json ? JsonWriter.pretty(document) : StatTable.of(document));
            System.out.flush();
            return 0;
        } catch (IOException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()));
        }
    }
}
