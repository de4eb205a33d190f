package dev.baton.tools.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.baton.tools.json.JsonReader;
import dev.baton.tools.json.JsonWriter;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The demo, whole: it takes a TAP where there is one, and says so where there is none. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class DemoTest {
    private final List<String> lines = new ArrayList<>();

    @Test
    void everyFrameArrivesAndNothingIsLeft() throws Exception {
        assertPerfect(run(true, 2));
        Set<String> before = leftovers();
        int descriptors = descriptors();
        DemoResult result = run(true, 1);
        assertPerfect(result);
        assertThat(result.kernel() || lines.stream().anyMatch(line -> line.startsWith("no TAP here ("))).isTrue();
        assertThat(leftovers()).isEqualTo(before);
        assertThat(descriptors()).isLessThanOrEqualTo(descriptors);
        assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive)).isEmpty();
    }

    @Test
    void withoutATapAnInMemoryPortTakesItsPlace() throws Exception {
        DemoResult result = run(false, 1);
        assertPerfect(result);
        assertThat(result.kernel()).isFalse();
        assertThat(result.directions()).containsOnlyKeys("guest -> memory", "memory -> guest");
    }

    @Test
    void whoHasEnoughIsObeyed() throws Exception {
        Set<String> before = leftovers();
        try (Demo demo = Demo.launch(() -> lines.stream().anyMatch(line -> line.startsWith("bulk")), lines::add,
                true)) {
            assertThat(catchThrowable(() -> demo.run(600)))
                    .isInstanceOf(DemoException.class).hasMessage("interrupted");
        }
        assertThat(leftovers()).isEqualTo(before);
    }

    private DemoResult run(boolean useKernel, int seconds) throws Exception {
        try (Demo demo = Demo.launch(() -> false, lines::add, useKernel)) {
            return demo.run(seconds);
        }
    }

    private static void assertPerfect(DemoResult result) {
        Object tree = JsonReader.parse(JsonWriter.pretty(result.tree()));
        for (String direction : List.of("guestToFar", "farToGuest")) {
            assertThat(JsonReader.number(tree, "directions", direction, "frames").longValue()).isPositive();
            for (String key : List.of("lost", "duplicated", "reordered", "corrupted")) {
                assertThat(JsonReader.number(tree, "directions", direction, key).longValue()).as(key).isZero();
            }
        }
        assertThat(JsonReader.number(tree, "ping", "guestAnswered").intValue()).isEqualTo(Plan.PINGS);
        assertThat(JsonReader.number(tree, "ping", "farAnswered").intValue()).isEqualTo(Plan.PINGS);
        assertThat(result.isPerfect()).isTrue();
        assertThat(result.handovers()).hasSize(result.kernel() ? Plan.TAKEOVERS : 1);
        assertThat(result.handoverLines()).allMatch(line -> line.startsWith("handover    "));
    }

    /** Interfaces, named namespaces, and folders of the demo. */
    private static Set<String> leftovers() throws IOException {
        try (Stream<String> all = Stream.of("/sys/class/net", "/run/netns", System.getProperty("java.io.tmpdir"))
                .flatMap(DemoTest::list)) {
            return all.filter(name -> name.startsWith("/run") || name.contains(Demo.folderPrefix())
                    || name.contains(Plan.TAP)).collect(Collectors.toSet());
        }
    }

    private static Stream<String> list(String folder) {
        File[] files = new File(folder).listFiles();
        return files == null ? Stream.empty() : Stream.of(files).map(File::getPath);
    }

    /** Open descriptors of the kinds that a demo opens; what the JVM opens and closes as it goes is its own. */
    private static int descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return (int) open.map(DemoTest::target).filter(target -> Stream.of("/dev/net/tun", "socket:", "net:",
                    "anon_inode:[eventfd]", "/memfd:").anyMatch(target::startsWith)).count();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) { // closed meanwhile
            return "";
        }
    }
}
