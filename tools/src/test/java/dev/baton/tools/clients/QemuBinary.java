package dev.baton.tools.clients;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A QEMU of this machine.
 *
 * @param program  its path
 * @param major    its version's first number
 * @param firmware the options that tell it where its firmware is
 */
record QemuBinary(String program, int major, List<String> firmware) {
    private static final Pattern VERSION = Pattern.compile("version (\\d+)\\.");

    /** The one that Debian installs, then the newer one unpacked beside it, as far as they are here. */
    static List<QemuBinary> all() {
        List<QemuBinary> found = new ArrayList<>();
        Path installed = Path.of("/usr/bin/qemu-system-x86_64");
        if (Files.isExecutable(installed)) {
            found.add(of(installed, List.of()));
        }
        Path unpacked = RequireClients.clients().resolve("qemu/usr");
        if (Files.isExecutable(unpacked.resolve("bin/qemu-system-x86_64"))) {
            found.add(of(unpacked.resolve("bin/qemu-system-x86_64"), List.of("-L", unpacked + "/share/seabios",
                    "-L", unpacked + "/share/qemu")));
        }
        return found;
    }

    /** The oldest one here; skips or fails the test when there is none. */
    static QemuBinary oldest() {
        List<QemuBinary> all = all();
        RequireClients.that(!all.isEmpty(), "qemu-system-x86_64");
        return all.getFirst();
    }

    /** The newest one here; skips or fails the test when there is none. */
    static QemuBinary newest() {
        List<QemuBinary> all = all();
        RequireClients.that(!all.isEmpty(), "qemu-system-x86_64");
        return all.getLast();
    }

    private static QemuBinary of(Path program, List<String> firmware) {
        Matcher matcher = VERSION.matcher(Command.check(program.toString(), "--version"));
        return new QemuBinary(program.toString(), matcher.find() ? Integer.parseInt(matcher.group(1)) : 0, firmware);
    }

    /** Before version 8, MSI-X with a vhost-user device crashes QEMU when the guest's processor is emulated. */
    boolean needsIntx() {
        return major < 8;
    }

    @Override
    public String toString() {
        return "QEMU " + major;
    }
}
