package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.PidFd;
import dev.baton.tools.json.JsonReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./baton} as a user calls it. Runs after the jars were made. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class LauncherIT {
    private static final Path LAUNCHER = launcher();

    @TempDir
    private Path folder;

    @Test
    void itTellsItsVersionAndNothingElse() throws Exception {
        try (BatonProcess baton = start(LAUNCHER, "--version")) {
            assertThat(baton.status()).isZero();
            assertThat(baton.out()).startsWith("baton ").contains("(Java ").doesNotContain("unpackaged");
            assertThat(baton.err()).isEmpty();
        }
    }

    @Test
    void itWorksThroughLinksFromAnywhereWithSpaces() throws Exception {
        Path first = Files.createSymbolicLink(folder.resolve("a link"), LAUNCHER);
        Path spaced = Files.createDirectory(folder.resolve("some where"));
        Path second = Files.createSymbolicLink(spaced.resolve("baton"), Path.of("../a link"));
        try (BatonProcess baton = start(second, "help", "run")) {
            assertThat(baton.status()).isZero();
            assertThat(baton.out()).contains("vhost-user:NAME,path=SOCKET").contains("tap:NAME");
            assertThat(baton.err()).isEmpty();
        } finally {
            Files.delete(second);
            Files.delete(first);
        }
    }

    @Test
    void itPassesStatusAndWordsOn() throws Exception {
        try (BatonProcess baton = start(LAUNCHER, "run", "--port", "a b")) {
            assertThat(baton.status()).isEqualTo(2);
            assertThat(baton.err()).startsWith("baton: --port a b: ");
        }
    }

    @Test
    void signalsReachTheDaemon() throws Exception {
        try (BatonProcess baton = start(LAUNCHER, "run", "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock")
                .awaitReady()) {
            assertThat(baton.end(PidFd.SIGTERM)).isZero();
            assertThat(baton.err()).isEmpty();
            assertThat(folder).isEmptyDirectory();
        }
    }

    @Test
    void withoutAJdkItSaysSo() throws Exception {
        Path bin = Files.createDirectory(folder.resolve("bin"));
        for (String tool : List.of("sh", "readlink", "dirname", "sed", "find", "head", "ls")) {
            executable(bin.resolve(tool), "#!/bin/sh\nexec " + which(tool) + " \"$@\"\n");
        }
        Path copy = executable(folder.resolve("baton"),
                Files.readString(LAUNCHER).replace("/usr/lib/jvm", folder + "/no-jvm"));
        Map<String, String> environment = new HashMap<>();
        environment.put("PATH", bin.toString());
        try (BatonProcess baton = BatonProcess.startCommand(List.of(copy.toString(), "--version"), environment)) {
            assertThat(baton.status()).isEqualTo(1);
            assertThat(baton.err()).isEqualTo("baton: needs a JDK 25 or newer, and neither JAVA_HOME, the PATH nor "
                    + folder + "/no-jvm has one");
        }
    }

    @Test
    void theDemoLosesNothing() throws Exception {
        Path json = folder.resolve("demo.json");
        try (BatonProcess baton = start(LAUNCHER, "demo", "--seconds", "2", "--json", json.toString())) {
            assertThat(baton.status()).as("%s %s", baton.out(), baton.err()).isZero();
            assertThat(baton.err()).isEmpty();
            assertThat(baton.out()).endsWith("Every frame arrived, once and in order.");
            Object document = JsonReader.parse(Files.readString(json));
            for (String direction : List.of("guestToFar", "farToGuest")) {
                assertThat(JsonReader.number(document, "directions", direction, "frames").longValue()).isPositive();
                for (String key : List.of("lost", "duplicated", "reordered")) {
                    assertThat(JsonReader.number(document, "directions", direction, key).longValue()).isZero();
                }
            }
        }
    }

    @Test
    void aSignalEndsTheDemoAndNothingIsLeft() throws Exception {
        try (BatonProcess baton = start(LAUNCHER, "demo", "--seconds", "600").awaitLine("bulk ")) {
            String wired = baton.out().lines().filter(line -> line.startsWith("wired")).findFirst().orElseThrow();
            Path socket = Path.of(wired.replaceAll(".*path=([^,]*),.*", "$1"));
            long guest = Long.parseLong(baton.out().replaceAll("(?s).*guest +pid (\\d+),.*", "$1"));
            assertThat(socket).exists();
            assertThat(baton.end(PidFd.SIGINT)).isEqualTo(130);
            assertThat(socket.getParent()).doesNotExist();
            assertThat(ProcessHandle.of(guest).filter(ProcessHandle::isAlive)).isEmpty();
        }
    }

    private static BatonProcess start(Path launcher, String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(List.of(args));
        return BatonProcess.startCommand(command, System.getenv());
    }

    private static Path launcher() {
        for (Path here = Path.of("").toAbsolutePath(); here != null; here = here.getParent()) {
            if (Files.isExecutable(here.resolve("baton"))) {
                return here.resolve("baton");
            }
        }
        throw new AssertionError("no directory above has the launcher");
    }

    private static Path executable(Path path, String script) throws IOException {
        Files.writeString(path, script);
        assertThat(path.toFile().setExecutable(true)).isTrue();
        return path;
    }

    private static Path which(String tool) {
        for (String directory : System.getenv("PATH").split(":", -1)) {
            Path candidate = Path.of(directory, tool);
            if (Files.isExecutable(candidate)) {
                return candidate;
            }
        }
        throw new AssertionError("no " + tool);
    }
}
