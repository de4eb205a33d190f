package dev.baton.tools;

import dev.baton.datapath.Standby;
import dev.baton.datapath.Takeover;
import dev.baton.handover.HandoverException;
import dev.baton.tools.options.Syntax;
import dev.baton.tools.options.TransferOptions;
import dev.baton.tools.options.UsageException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton standby}: holds everything ready, and goes on when the running Baton dies. */
@Command(name = "standby", mixinStandardHelpOptions = true, usageHelpAutoWidth = true, sortOptions = false,
        description = {"Holds everything ready beside a running Baton, and goes on in its place when that dies or is",
            "stuck. Follows a takeover to the new owner; ends when the running Baton ends in order."})
final class StandbyCommand implements Callable<Integer> {
    private static final int MIN_HEARTBEAT_MS = 500;

    @Option(names = "--control", required = true, paramLabel = "PATH",
            description = "The control socket of the running Baton.")
    private Path control = Path.of("");

    @Option(names = "--heartbeat-timeout", paramLabel = "MS", defaultValue = "3000",
            description = "A Baton whose agents show no life for so long is stuck, and is killed. Default: "
                    + "${DEFAULT-VALUE}.")
    private int heartbeatTimeoutMs;

    @Option(names = "--backend-transfer", paramLabel = "on|off", defaultValue = "on",
            description = "As in the running Baton. Default: on.")
    private String backendTransfer = "on";

    @Option(names = "--profile", paramLabel = "NAME", defaultValue = "current",
            description = "As in the running Baton: " + Syntax.PROFILE + ". Default: current.")
    private String profile = "current";

    private volatile @Nullable Standby attached;

    @Override
    public Integer call() {
        if (heartbeatTimeoutMs < MIN_HEARTBEAT_MS) {
            throw new UsageException("--heartbeat-timeout is at least " + MIN_HEARTBEAT_MS + " ms, not "
                    + heartbeatTimeoutMs);
        }
        TransferOptions transfer = TakeoverCommand.transfer(backendTransfer, profile);
        Termination termination = Termination.watch();
        Thread.ofPlatform().daemon().name("baton-standby").start(() -> {
            termination.await();
            stop();
        });
        int status = Main.FAILED;
        try {
            Takeover takeover = standBy(transfer, termination);
            if (takeover != null) {
                goOn(takeover, transfer, termination);
            }
            status = 0;
        } finally {
            termination.closed(status);
        }
        return status;
    }

    private void stop() {
        Standby standby = attached;
        if (standby != null) {
            standby.stop();
        }
    }

    /** Stands by for one owner after the other; returns what was seized, or null when nothing is left to do. */
    private @Nullable Takeover standBy(TransferOptions transfer, Termination termination) {
        while (true) {
            try (Standby standby = attach(transfer)) {
                attached = standby;
                if (termination.isAsked()) {
                    return null;
                }
                System.out.println("baton: standing by for pid " + standby.ownerPid());
                System.out.flush();
                switch (standby.await(heartbeatTimeoutMs)) {
                    case Standby.Ending.Seized seized -> {
                        return seized.takeover();
                    }
                    case Standby.Ending.Relieved _ -> {
                        // Its new owner answers on the same control socket.
                    }
                    case Standby.Ending.Ended _ -> {
                        System.out.println("baton: the running Baton was told to end: nothing to stand by for");
                        return null;
                    }
                }
            } catch (HandoverException e) {
                if (termination.isAsked()) {
                    return null;
                }
                throw new CommandFailure("cannot stand by: " + e.getMessage());
            }
        }
    }

    private Standby attach(TransferOptions transfer) throws HandoverException {
        return Standby.attach(TakeoverCommand.channel(control, "standby"), HandoverService.options(transfer));
    }

    private static void goOn(Takeover takeover, TransferOptions transfer, Termination termination) {
        try (Daemon daemon = Daemon.takenOver(takeover, transfer, termination::ask)) {
            HandoverText.lines(takeover.report()).forEach(System.out::println);
            daemon.describe().forEach(System.out::println);
            System.out.println("baton: ready");
            System.out.flush();
            termination.await();
        }
    }
}
