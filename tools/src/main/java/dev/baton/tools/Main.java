package dev.baton.tools;

import dev.baton.datapath.DatapathException;
import dev.baton.ffi.SyscallException;
import dev.baton.tools.options.UsageException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The {@code baton} command. Its status is 0 when all went well, 2 for a refused option, 1 for anything else. */
@Command(name = "baton", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
        synopsisSubcommandLabel = "COMMAND",
        description = "A packet datapath between virtqueues of guests and TAP devices.",
        subcommands = {HelpCommand.class, RunCommand.class, StatCommand.class,
            TakeoverCommand.class, StandbyCommand.class, MoveCommand.class, SnapshotCommand.class,
            DemoCommand.class, DemoGuestCommand.class, DemoOwnerCommand.class})
public final class Main {
    /** The status after a refused option. */
    static final int REFUSED = CommandLine.ExitCode.USAGE;

    /** The status after a failure at run time. */
    static final int FAILED = CommandLine.ExitCode.SOFTWARE;

    private Main() {
    }

    /**
     * Runs a command and ends the process with its status.
     *
     * @param args the command line
     */
    public static void main(String[] args) {
        Termination.exit(execute(args));
    }

    static int execute(String... args) {
        CommandLine line = new CommandLine(new Main());
        line.setParameterExceptionHandler((problem, ignored) -> {
            CommandLine command = problem.getCommandLine();
            say(sentence(problem, line) + " (see '" + command.getCommandSpec().qualifiedName() + " --help')");
            return REFUSED;
        });
        line.setExecutionExceptionHandler((problem, command, result) -> report(problem));
        if (args.length == 0) {
            line.usage(System.err);
            return REFUSED;
        }
        return line.execute(args);
    }

    /** Who takes a datapath over may believe that it brings a configuration, and is told that it does not. */
    private static @Nullable String sentence(CommandLine.ParameterException problem, CommandLine line) {
        String command = problem.getCommandLine().getCommandName();
        if (problem instanceof CommandLine.UnmatchedArgumentException unmatched
                && (command.equals("takeover") || command.equals("standby"))) {
            String option = unmatched.getUnmatched().getFirst().split("=", 2)[0];
            CommandLine run = line.getSubcommands().get("run");
            if (run != null && run.getCommandSpec().findOption(option) != null) {
                return option + " is an option of 'baton run': a " + command + " brings nothing new, what runs goes on";
            }
        }
        return problem.getMessage();
    }

    /** One sentence for what went wrong; a stack trace only for what should never happen. */
    private static int report(Exception problem) {
        switch (problem) {
            case UsageException it -> {
                say(it.getMessage());
                return REFUSED;
            }
            case CommandFailure it -> say(it.getMessage());
            case DatapathException it -> say(it.getMessage());
            case SyscallException it -> say(it.getMessage());
            default -> {
                say("internal error: " + problem);
                if (System.getenv("BATON_DEBUG") != null) {
                    problem.printStackTrace();
                }
            }
        }
        return FAILED;
    }

    /** Tells the user one sentence on the error stream. */
    static void say(@Nullable String sentence) {
        System.err.println("baton: " + String.valueOf(sentence).strip().replaceAll("\\s*\\R\\s*", " "));
        System.err.flush();
    }
}
