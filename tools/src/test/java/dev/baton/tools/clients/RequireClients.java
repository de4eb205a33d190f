package dev.baton.tools.clients;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * What a test cannot do without. When something is missing the test is skipped with a sentence that says what;
 * with {@code BATON_REQUIRE_CLIENTS=1} in the environment, as in CI, it fails.
 */
final class RequireClients {
    private static final boolean REQUIRED = "1".equals(System.getenv("BATON_REQUIRE_CLIENTS"));
    private static final String HINT = " (.ci/clients installs it)";

    private RequireClients() {
    }

    /** The top of the project. */
    static Path project() {
        for (Path here = Path.of("").toAbsolutePath(); here != null; here = here.getParent()) {
            if (Files.isDirectory(here.resolve(".ci")) && Files.isDirectory(here.resolve("tools"))) {
                return here;
            }
        }
        throw new IllegalStateException("not inside the project");
    }

    /** Where {@code .ci/clients} leaves what is not installed. */
    static Path clients() {
        return project().resolve("tools/target/clients");
    }

    static void that(boolean present, String what) {
        if (!present) {
            String message = "missing: " + what;
            if (REQUIRED) {
                throw new AssertionError(message + "; BATON_REQUIRE_CLIENTS=1 does not let this test be skipped");
            }
            Assumptions.abort(message);
        }
    }

    static void programs(String... names) {
        for (String name : names) {
            that(onPath(name), "program " + name + HINT);
        }
    }

    private static boolean onPath(String name) {
        for (String folder : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            if (Files.isExecutable(Path.of(folder, name))) {
                return true;
            }
        }
        return false;
    }

    /** Namespaces, TAP interfaces and the program to make them. */
    static void namespaces() {
        that("root".equals(System.getProperty("user.name")), "root, for network namespaces and TAP interfaces");
        that(Files.exists(Path.of("/dev/net/tun")), "/dev/net/tun");
        programs("ip");
    }

    static void baton() {
        that(Files.isExecutable(project().resolve("baton")), "the ./baton launcher");
    }

    static void testpmd() {
        programs("dpdk-testpmd", "stdbuf", "taskset");
        int pages = freeHugepages();
        that(pages >= 96, "96 free hugepages of 2 MiB, there are " + pages + HINT);
    }

    static void guest() {
        that(Files.exists(clients().resolve("guest/vmlinuz"))
                && Files.exists(clients().resolve("guest/initramfs.cpio")), "the guest's kernel and initramfs" + HINT);
        programs("iperf3", "ping");
    }

    private static int freeHugepages() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
                if (line.startsWith("HugePages_Free:")) {
                    return Integer.parseInt(line.substring(line.indexOf(':') + 1).trim());
                }
            }
        } catch (IOException e) {
            // No such file, no such pages.
        }
        return 0;
    }
}
