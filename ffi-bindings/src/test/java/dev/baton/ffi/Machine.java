package dev.baton.ffi;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** What a test needs of the machine: without it the test is skipped, or fails where nothing may be skipped. */
final class Machine {
    private Machine() {
    }

    static void needs(boolean there, String what) {
        if (!there && "1".equals(System.getenv("BATON_REQUIRE_CLIENTS"))) {
            fail("this machine lacks " + what);
        }
        Assumptions.assumeTrue(there, "this machine lacks " + what);
    }

    static void needsNamespaces() {
        needs(isRoot(), "the right to make network namespaces");
    }

    static void needsTun() {
        needsNamespaces();
        needs(Files.isWritable(Path.of("/dev/net/tun")), "/dev/net/tun");
    }

    private static boolean isRoot() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .anyMatch(line -> line.matches("Uid:\\s+\\d+\\s+0\\s.*"));
        } catch (IOException e) {
            return false;
        }
    }
}
