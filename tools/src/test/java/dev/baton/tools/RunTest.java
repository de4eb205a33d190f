package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetDevice;
import dev.baton.ffi.PidFd;
import dev.baton.ffi.UnixSocket;
import dev.baton.tools.json.JsonReader;
import dev.baton.tools.traffic.Arrivals;
import dev.baton.tools.traffic.Endpoint;
import dev.baton.tools.traffic.Flow;
import dev.baton.tools.traffic.FramePort;
import dev.baton.tools.traffic.Station;
import dev.baton.tools.traffic.VirtioNic;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
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
                    + "/vm0.sock,mode=server,queues=1,offloads=on,memory-limit=16T,coalesce=off")
                .contains("wire = vm0=vm1").endsWith("baton: ready");
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
    void statCountsEveryFrameThatCrossed() throws Exception {
        Path control = folder.resolve("control.sock");
        Endpoint a = new Endpoint(0x02_00_00_00_00_0AL, 0xC0_00_02_0A);
        Endpoint b = new Endpoint(0x02_00_00_00_00_0BL, 0xC0_00_02_0B);
        try (BatonProcess baton = BatonProcess.start("run", "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock",
                "--port", "vhost-user:vm1,path=" + folder + "/vm1.sock", "--wire", "vm0=vm1", "--control",
                control.toString()).awaitReady();
                VirtioNic nicA = VirtioNic.connect(folder.resolve("vm0.sock"), 1);
                VirtioNic nicB = VirtioNic.connect(folder.resolve("vm1.sock"), 1)) {
            Station stationA = new Station(a, b.ipv4(), nicA.ports(), 32);
            Station stationB = new Station(b, a.ipv4(), nicB.ports(), 32);
            stationA.pinger().ping(20);
            run(stationA, stationB, () -> stationA.pinger().done(System.nanoTime()));
            assertThat(stationA.pinger().answered()).isEqualTo(20);
            stationA.sending(true);
            Flow flow = stationA.flows().getFirst();
            run(stationA, stationB, () -> flow.sentFrames() > 10_000);
            stationA.sending(false);
            run(stationA, stationB, () -> flow.acknowledgedFrames() == flow.sentFrames());
            try (BatonProcess stat = BatonProcess.start("stat", "--json", "--control", control.toString())) {
                assertThat(stat.status()).isZero();
                Object document = JsonReader.parse(stat.out());
                // ARP, pings, data
                assertThat(frames(document, "vm0", "rx")).isEqualTo(1 + 20 + flow.sentFrames());
                assertThat(frames(document, "vm1", "tx")).isEqualTo(frames(document, "vm0", "rx"));
                assertThat(frames(document, "vm1", "rx")).isEqualTo(frames(document, "vm0", "tx")).isGreaterThan(20);
                assertThat(JsonReader.number(document, "ports", "vm0", "rx", "bytes").longValue())
                        .isGreaterThan(Arrivals.of(stationB.flows()).bytes());
                assertThat(JsonReader.text(document, "ports", "vm0", "state")).startsWith("connected");
                assertThat((List<?>) JsonReader.at(document, "agents")).hasSize(1);
            }
            assertThat(baton.end(PidFd.SIGTERM)).isZero();
        }
    }

    @Test
    void aNullPortDropsWhatAGuestSendsAndSendsWhatItCanTake() throws Exception {
        Path control = folder.resolve("control.sock");
        Path socket = folder.resolve("vm0.sock");
        try (BatonProcess baton = BatonProcess.start("run", "--port", "vhost-user:vm0,path=" + socket,
                "--port", "null:n0,send=128", "--wire", "vm0=n0", "--control", control.toString()).awaitReady();
                VirtioNic nic = VirtioNic.connect(socket, 1)) {
            assertThat(baton.out()).contains("port = null:n0,queues=1,send=128");
            FramePort port = nic.ports().getFirst();
            long[] received = new long[2];
            int sent = 0;
            while (sent < 1_000 || received[0] < 10_000) {
                if (sent < 1_000 && port.reserve() != 0 && port.commit(60, false)) {
                    sent++;
                }
                port.flush();
                port.receive((address, lengthBytes) -> {
                    received[0]++;
                    received[1] += lengthBytes;
                }, 64);
            }
            assertThat(received[1]).isEqualTo(128 * received[0]);
            try (BatonProcess stat = BatonProcess.start("stat", "--json", "--control", control.toString())) {
                assertThat(stat.status()).isZero();
                Object document = JsonReader.parse(stat.out());
                assertThat(frames(document, "n0", "tx")).isEqualTo(1_000);
                assertThat(JsonReader.number(document, "ports", "n0", "tx", "bytes").longValue()).isEqualTo(60_000);
                assertThat(frames(document, "vm0", "tx")).isGreaterThanOrEqualTo(received[0])
                        .isEqualTo(frames(document, "n0", "rx"));
                assertThat(JsonReader.text(document, "ports", "n0", "state"))
                        .isEqualTo("drops, and sends frames of 128 bytes");
            }
            assertThat(baton.end(PidFd.SIGTERM)).isZero();
        }
    }

    private static long frames(@Nullable Object document, String port, String direction) {
        return JsonReader.number(document, "ports", port, direction, "frames").longValue();
    }

    private static void run(Station a, Station b, BooleanSupplier done) {
        while (!done.getAsBoolean()) {
            if (a.step() + b.step() == 0) {
                LockSupport.parkNanos(50_000);
            }
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
        assertRefused(2, "--port null:n,send=1: 'send' is off or the bytes of a frame, 60 to 9014, not '1'", "run",
                "--port", "null:n,send=1");
        assertRefused(2, "--wire n=m: a null port can be wired to a vhost-user port alone", "run", "--port", "null:n",
                "--port", "null:m", "--wire", "n=m");
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
