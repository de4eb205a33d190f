package dev.baton.bench;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;

/** How a program of this module is run: whatever goes wrong is one sentence, with the program's name before it. */
public final class BenchCommand {
    private static final int FAILED = 1;
    private static final int USAGE = 2;

    private BenchCommand() {
    }

    /**
     * Runs it and ends the process: with its own status, 1 when it failed, 2 when the options cannot be.
     *
     * @param command annotated for picocli, a {@code Callable<Integer>}
     * @param footer  lines that the help ends with, besides its own
     */
    public static void run(Object command, List<String> footer, String... arguments) {
        CommandLine line = new CommandLine(command);
        String name = line.getCommandName() + ": ";
        List<String> lines = new ArrayList<>(List.of(line.getCommandSpec().usageMessage().footer()));
        lines.addAll(footer);
        line.getCommandSpec().usageMessage().footer(lines.toArray(String[]::new));
        line.setExecutionExceptionHandler((failure, failed, parsed) -> {
            failed.getErr().println(name + failure.getMessage());
            return FAILED;
        });
        line.setParameterExceptionHandler((failure, parsed) -> {
            failure.getCommandLine().getErr().println(name + failure.getMessage());
            return USAGE;
        });
        System.exit(line.execute(arguments));
    }
}
