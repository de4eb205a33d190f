package dev.baton.datapath;

import java.util.regex.Pattern;

/** The rule for port names: they stand in labels, option strings and JSON keys. */
final class PortNames {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,62}");

    private PortNames() {
    }

    static void check(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new DatapathException("port name \"" + name
                + "\": 1 to 63 letters, digits, '_', '.' or '-', the first a letter or digit");
        }
    }
}
