package dev.baton.tools.clients;

import java.time.Duration;
import java.util.List;

/** Commands that end by themselves. */
final class Command {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private Command() {
    }

    /**
     * How a command ended.
     *
     * @param exit   its exit status
     * @param output what it printed, standard error included
     */
    record Result(int exit, String output) {
        boolean ok() {
            return exit == 0;
        }
    }

    static Result run(Duration limit, List<String> command) {
        try (Child child = Child.start(command.getFirst(), command)) {
            int exit = child.awaitExit(limit);
            return new Result(exit, child.outputFrom(0));
        }
    }

    /** Runs a command that must succeed within a minute, and gives its output. */
    static String check(String... command) {
        return check(LIMIT, List.of(command));
    }

    static String check(Duration limit, List<String> command) {
        Result result = run(limit, command);
        if (!result.ok()) {
            throw new AssertionError(String.join(" ", command) + ": exit " + result.exit() + "\n" + result.output());
        }
        return result.output();
    }
}
