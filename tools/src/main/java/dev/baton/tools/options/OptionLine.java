package dev.baton.tools.options;

/**
 * One option as the user wrote it.
 *
 * @param key    the option's name without dashes: {@code port}, {@code wire}, ...
 * @param value  what follows it
 * @param origin where it stands, for messages: {@code --port} or {@code baton.conf:3: port}
 */
public record OptionLine(String key, String value, String origin) {
    /**
     * An option from the command line.
     *
     * @param key   the option's name without dashes
     * @param value what follows it
     * @return the option
     */
    public static OptionLine argument(String key, String value) {
        return new OptionLine(key, value, "--" + key);
    }

    UsageException refuse(String why) {
        return new UsageException(origin + " " + value + ": " + why);
    }
}
