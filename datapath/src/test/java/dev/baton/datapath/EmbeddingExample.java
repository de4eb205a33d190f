package dev.baton.datapath;

import java.nio.file.Path;

/** The example of the README; {@link EmbeddingExampleTest} runs it. */
final class EmbeddingExample {
    private EmbeddingExample() {
    }

    // README: begin
    /** Wires a guest to a TAP until the thread is interrupted. */
    static void forward(Path socket, TapPortConfig tap) throws InterruptedException {
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults())) {
            Port guest = datapath.add(VhostUserPortConfig.listen("vm0", socket).withQueuePairs(2));
            Port kernel = datapath.add(tap.withQueuePairs(2));
            datapath.wire(guest, kernel);
            while (true) {
                Thread.sleep(1000);
                System.out.println(guest + ": " + datapath.counters().ports().get("vm0"));
            }
        }
    }
    // README: end
}
