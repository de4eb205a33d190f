package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.PidFd;
import dev.baton.ffi.UnixSocket;
import dev.baton.tools.json.JsonReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code baton run} and {@code baton stat} as processes. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class RunTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(ints = {PidFd.SIGTERM, PidFd.SIGINT})
    void aSignalEndsItWithStatusZeroAndNothingIsLeft(int signal) throws Exception {
        try (BatonProcess baton = BatonProcess.start("run", "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock",
                "--port", "vhost-user:vm1,mode=client,path=" + folder + "/vm1.sock", "--wire", "vm0=vm1",
                "--control", folder + "/control.sock").awaitReady()) {
            assertThat(folder.resolve("vm0.sock")).exists();
            assertThat(baton.end(signal)).isZero();
            assertThat(baton.err()).isEmpty();
            assertThat(baton.out()).contains("port = vhost-user:vm0,path=" + folder
                    + "/vm0.sock,mode=server,queues=1,offloads=on").contains("wire = vm0=vm1").endsWith("baton: ready");
            assertThat(folder).isEmptyDirectory();
        }
    }

    @Test
    void aTapIsThereWhileItRuns() throws Exception {
        Privileges.requireTap();
        String name = "bt" + ProcessHandle.current().pid() % 1_000_000 + "r";
        try (BatonProcess baton = BatonProcess.start("run", "--port", "tap:" + name + ",queues=2").awaitReady()) {
            assertThat(NetDevice.isUp(name)).isTrue();
            assertThat(baton.end(PidFd.SIGTERM)).isZero();
            assertThat(NetDevice.exists(name)).isFalse();
        }
    }

    @Test
    void statReadsTheCountersOfTheRunningOne() throws Exception {
        Path control = folder.resolve("control.sock");
        try (BatonProcess baton = BatonProcess.start("run", "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock",
                "--port", "vhost-user:vm1,queues=2,path=" + folder + "/vm1.sock", "--wire", "vm0=vm1", "--control",
                control.toString()).awaitReady();
                BatonProcess json = BatonProcess.start("stat", "--json", "--control", control.toString());
                BatonProcess table = BatonProcess.start("stat", "--control", control.toString())) {
            assertThat(json.status()).isZero();
            Object document = JsonReader.parse(json.out());
            assertThat(JsonReader.number(document, "pid").longValue()).isEqualTo(baton.pid());
            for (String port : new String[] {"vm0", "vm1"}) {
                for (String direction : new String[] {"rx", "tx"}) {
                    for (String key : new String[] {"frames", "bytes", "bursts", "framesPerBurst"}) {
                        assertThat(JsonReader.number(document, "ports", port, direction, key).doubleValue()).isZero();
                    }
                    assertThat(JsonReader.number(document, "ports", port, direction, "drops", "total").longValue())
                            .isZero();
                }
                assertThat(JsonReader.number(document, "ports", port, "kicks").longValue()).isZero();
                assertThat(JsonReader.number(document, "ports", port, "calls").longValue()).isZero();
                assertThat(JsonReader.text(document, "ports", port, "state")).startsWith("waiting for a front-end");
            }
            assertThat(JsonReader.text(document, "ports", "vm0", "wire")).isEqualTo("vm1");
            assertThat(table.status()).isZero();
            assertThat(table.out()).contains("port").contains("frames/burst").contains("vm0: waiting for a front-end");
            assertThat(baton.end(PidFd.SIGTERM)).isZero();
        }
    }

    @Test
    void aLiveControlSocketIsRefusedAndAStaleOneTakenOver() throws Exception {
        String control = folder + "/control.sock";
        UnixSocket.listen(Path.of(control), UnixSocket.SEQPACKET, 0600, 1).close();
        UnixSocket.listen(folder.resolve("vm0.sock"), UnixSocket.STREAM, 0600, 1).close();
        try (BatonProcess first = BatonProcess.start("run", "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock",
                "--control", control).awaitReady()) {
            assertRefused(1, "--control " + control + ": a running Baton (pid " + first.pid() + ") listens there",
                    "run", "--port", "vhost-user:vm1,path=" + folder + "/vm1.sock", "--control", control);
            assertRefused(1, "vm0.sock is in use: another process listens on it", "run", "--port",
                    "vhost-user:vm1,path=" + folder + "/vm0.sock");
            assertThat(folder.resolve("vm1.sock")).doesNotExist();
            assertThat(first.end(PidFd.SIGTERM)).isZero();
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void whatIsInTheWayStays() throws Exception {
        Path file = Files.writeString(folder.resolve("precious"), "data");
        assertRefused(1, "--control " + file + ": this exists already and is no control socket of Baton", "run",
                "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock", "--control", file.toString());
        assertRefused(1, "port vm0: socket " + file, "run", "--port", "vhost-user:vm0,path=" + file);
        assertThat(file).hasContent("data");
        Path stream = folder.resolve("stream");
        try (Fd _ = UnixSocket.listen(stream, UnixSocket.STREAM, 0600, 1)) {
            assertRefused(1, "this exists already and is no control socket of Baton", "run", "--port",
                    "vhost-user:vm0,path=" + folder + "/vm0.sock", "--control", stream.toString());
            assertThat(stream).exists();
        }
    }

    @Test
    void whatIsMissingIsNamed() throws Exception {
        assertRefused(1, "--control " + folder + "/none/c: there is no directory " + folder + "/none", "run", "--port",
                "vhost-user:vm0,path=" + folder + "/vm0.sock", "--control", folder + "/none/c");
        assertRefused(1, "port vm0: socket " + folder + "/none/vm0.sock lies in no existing directory", "run",
                "--port", "vhost-user:vm0,path=" + folder + "/none/vm0.sock");
        assertRefused(1, "there is no control socket " + folder + "/none, is Baton running?", "stat", "--control",
                folder + "/none");
    }

    @Test
    void aCpuThatIsNotThereIsNamed() throws Exception {
        assertRefused(1, "--cpus: CPU 8000 is not one of those that this process may run on: ", "run", "--port",
                "vhost-user:vm0,path=" + folder + "/vm0.sock", "--cpus", "8000");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void anUnknownNamespaceIsNamed() throws Exception {
        Privileges.requireTap();
        assertRefused(1, "no-such-namespace", "run", "--port", "tap:bt0,netns=no-such-namespace");
    }

    @Test
    void aRefusedOptionIsStatusTwo() throws Exception {
        assertRefused(2, "--port x: a port is vhost-user:NAME", "run", "--port", "x");
        assertRefused(2, "there is nothing to run: give at least one --port", "run");
        assertRefused(2, "Unknown option: '--speed'", "run", "--speed");
        assertRefused(2, "Missing required option: '--control=PATH'", "stat");
        assertRefused(2, "Unmatched argument at index 0: 'fly'", "fly");
        assertRefused(2, "--seconds is a number from 1 to 86400, not 0", "demo", "--seconds", "0");
        assertRefused(2, "'x' is not an int", "demo", "--seconds", "x");
    }

    private static void assertRefused(int status, String sentence, String... args) throws Exception {
        try (BatonProcess baton = BatonProcess.start(args)) {
            assertThat(baton.status()).as("%s", baton.err()).isEqualTo(status);
            assertThat(baton.err()).startsWith("baton: ").contains(sentence).doesNotContain("\n")
                    .doesNotContain("Exception");
        }
    }
}
