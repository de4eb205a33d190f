package dev.baton.tools;

import dev.baton.handover.HandoverException;
import dev.baton.tools.demo.DemoOwner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code baton demo-owner}: a process of the demo that takes the datapath over. */
@Command(name = "demo-owner", hidden = true, description = "A new owner in 'baton demo'; started by it.")
final class DemoOwnerCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "SOCKET", description = "The former owner's socket.")
    private Path former = Path.of("");

    @Parameters(index = "1", paramLabel = "SOCKET", description = "The socket for the next owner.")
    private Path next = Path.of("");

    @Override
    public Integer call() throws IOException {
        try {
            DemoOwner.run(former, next, System.in, System.out);
            return 0;
        } catch (HandoverException e) {
            throw new CommandFailure("new owner: " + e.getMessage());
        }
    }
}
