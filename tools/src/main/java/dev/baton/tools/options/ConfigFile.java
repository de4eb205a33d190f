package dev.baton.tools.options;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads a configuration file: one option a line, {@code KEY = VALUE}; empty lines and lines with # are left out. */
public final class ConfigFile {
    private ConfigFile() {
    }

    /**
     * Reads a file.
     *
     * @param file its path
     * @return the options in it, not yet looked into
     * @throws UsageException when the file cannot be read, or a line is none
     */
    public static List<OptionLine> read(String file) {
        List<String> lines;
        try {
            lines = Files.readAllLines(Path.of(file));
        } catch (NoSuchFileException e) {
            throw new UsageException("--config " + file + ": there is no such file");
        } catch (CharacterCodingException e) {
            throw new UsageException("--config " + file + ": this is not a text in UTF-8");
        } catch (IOException | InvalidPathException e) {
            throw new UsageException("--config " + file + ": cannot be read (" + e.getMessage() + ")");
        }
        return parse(file, lines);
    }

    static List<OptionLine> parse(String file, List<String> lines) {
        List<OptionLine> options = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            int equals = line.indexOf('=');
            if (equals <= 0) {
                throw new UsageException(file + ":" + (i + 1) + ": '" + line + "' is no option, a line is "
                        + Syntax.CONFIG_LINE);
            }
            String key = line.substring(0, equals).strip();
            options.add(new OptionLine(key, line.substring(equals + 1).strip(), file + ":" + (i + 1) + ": " + key));
        }
        return options;
    }
}
