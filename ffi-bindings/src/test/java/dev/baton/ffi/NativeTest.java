package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What a JVM that cannot run the bindings says. */
class NativeTest {
    /** The program of the child JVMs. */
    static final class Child {
        private Child() {
        }

        public static void main(String[] args) {
            RawMemory.fullFence();
            System.out.println("pages of " + Mapping.pageSize());
        }
    }

    private static String run(String... flags) throws Exception {
        List<String> command = new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(flags));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return output;
    }

    @Test
    void runsWithTheFlag() throws Exception {
        assertThat(run("--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny"))
            .isEqualTo("pages of " + Mapping.pageSize() + "\n");
    }

    @Test
    void namesTheMissingFlag() throws Exception {
        assertThat(run("--illegal-native-access=deny"))
            .contains("Linux calls are not allowed in this JVM: start java with --enable-native-access=ALL-UNNAMED");
    }

    @Test
    void refusesAnotherArchitecture() throws Exception {
        assertThat(run("--enable-native-access=ALL-UNNAMED", "-Dos.arch=riscv64"))
            .contains("Baton runs on Linux on x86-64 and aarch64, this is Linux on riscv64");
    }

    @Test
    void errnoIsWhereTheLinkerPutsIt() {
        assertThat(Linker.Option.captureStateLayout().byteOffset(PathElement.groupElement("errno"))).isZero();
    }
}
