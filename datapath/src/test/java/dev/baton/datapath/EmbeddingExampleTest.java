package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class EmbeddingExampleTest {
    @TempDir
    private Path folder;

    @Test
    void theExampleForwardsFramesAndLeavesNothingBehind() throws Exception {
        Path socket = folder.resolve("vm0.sock");
        try (TestNamespace namespace = TestNamespace.createOrSkip()) {
            Thread example = Thread.ofPlatform().start(() -> {
                try {
                    EmbeddingExample.forward(socket, TapPortConfig.named("tap0").withNetns(namespace.path()));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            try (TestGuest guest = TestGuest.connect(socket, 2, TestGuest.FEATURES)) {
                assertThat(guest.send(0, new byte[60])).isTrue();
                while (guest.transmitq(0).pollUsed() < 0) {
                    Thread.onSpinWait();
                }
            } finally {
                example.interrupt();
                example.join();
            }
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void theReadmeShowsTheExampleAsItIsCompiled() throws IOException {
        String source = Files.readString(Path.of("src/test/java/dev/baton/datapath/EmbeddingExample.java"));
        int begin = source.indexOf("// README: begin\n") + "// README: begin\n".length();
        String example = source.substring(begin, source.indexOf("    // README: end")).stripTrailing().stripIndent();
        assertThat(Files.readString(Path.of("../README.md"))).contains(example);
    }
}
