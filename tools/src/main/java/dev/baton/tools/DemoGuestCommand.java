package dev.baton.tools;

import dev.baton.tools.demo.DemoGuest;
import dev.baton.vhostuser.ProtocolException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code baton demo-guest}: the second process of the demo. */
@Command(name = "demo-guest", hidden = true, description = "The guest of 'baton demo'; started by it.")
final class DemoGuestCommand implements Callable<Integer> {
    @Parameters(paramLabel = "SOCKET", description = "The vhost-user socket.")
    private Path socket = Path.of("");

    @Override
    public Integer call() {
        try {
            DemoGuest.run(socket, System.in, System.out);
            return 0;
        } catch (ProtocolException e) {
            throw new CommandFailure("guest: " + e.getMessage());
        }
    }
}
