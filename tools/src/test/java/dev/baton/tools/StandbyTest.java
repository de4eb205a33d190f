package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.PidFd;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonReader;
import dev.baton.tools.traffic.VirtioNic;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code baton standby}, {@code baton move} and {@code baton snapshot} next to a running daemon. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class StandbyTest {
    private static final int FRAMES = 2_000;
    /** Long: on a busy machine an agent may not run for a while, and is not stuck. */
    private static final String HEARTBEAT_MS = "60000";

    @TempDir
    private Path folder;

    private BatonProcess run(String... more) throws Exception {
        List<String> command = new ArrayList<>(List.of("run", "--control", control(), "--port",
                "vhost-user:vm0,queues=2,path=" + folder + "/vm0.sock", "--port",
                "vhost-user:vm1,queues=2,path=" + folder + "/vm1.sock", "--wire", "vm0=vm1"));
        command.addAll(List.of(more));
        return BatonProcess.start(command.toArray(String[]::new)).awaitReady();
    }

    private String control() {
        return folder + "/control.sock";
    }

    private BatonProcess standby() throws Exception {
        return BatonProcess.start("standby", "--control", control(), "--heartbeat-timeout", HEARTBEAT_MS);
    }

    private Traffic traffic() throws Exception {
        return Traffic.betweenGuests(folder.resolve("vm0.sock"), folder.resolve("vm1.sock"), 2);
    }

    @Test
    void aKilledBatonIsReplaced() throws Exception {
        try (BatonProcess active = run(); Traffic traffic = traffic(); BatonProcess standby = standby()) {
            standby.awaitLine("baton: standing by for pid " + active.pid());
            traffic.awaitFrames(FRAMES);
            assertThat(active.end(PidFd.SIGKILL)).isNotZero();
            standby.awaitReady();
            assertThat(standby.out()).contains("recovered from pid " + active.pid());
            traffic.awaitFrames(FRAMES);
            assertThat(ControlClient.pidBehind(Path.of(control()))).isEqualTo((int) standby.pid());
            assertThat(standby.end(PidFd.SIGTERM)).isZero();
            assertThat(standby.err()).isEmpty();
            assertThat(folder).isEmptyDirectory();
        }
    }

    @Test
    void aStandbyFollowsATakeoverAndEndsWithTheOwner() throws Exception {
        try (BatonProcess first = run(); BatonProcess standby = standby()) {
            standby.awaitLine("baton: standing by for pid " + first.pid());
            try (BatonProcess next = BatonProcess.start("takeover", "--control", control()).awaitReady()) {
                assertThat(first.status()).isZero();
                standby.awaitLine("baton: standing by for pid " + next.pid());
                assertThat(next.end(PidFd.SIGTERM)).isZero();
                assertThat(standby.status()).as("%s", standby.err()).isZero();
                assertThat(standby.out()).contains("nothing to stand by for");
                assertThat(standby.err()).isEmpty();
                assertThat(folder).isEmptyDirectory();
            }
        }
    }

    @Test
    void aStandbyThatEndsIsNoLoss() throws Exception {
        try (BatonProcess active = run(); BatonProcess standby = standby()) {
            standby.awaitLine("baton: standing by for pid " + active.pid());
            assertThat(standby.end(PidFd.SIGTERM)).isZero();
            assertThat(folder.resolve("control.sock")).exists();
            assertThat(ControlClient.pidBehind(Path.of(control()))).isEqualTo((int) active.pid());
            assertThat(active.end(PidFd.SIGTERM)).isZero();
            assertThat(folder).isEmptyDirectory();
        }
    }

    /** One that is stopped does not read: guests come and go, until what was told of them fills its channel. */
    @Test
    void statTellsWhichStandbyIsLate() throws Exception {
        try (BatonProcess active = run(); BatonProcess standby = standby()) {
            standby.awaitLine("baton: standing by for pid " + active.pid());
            Object current = awaitState("current", () -> { });
            assertThat(JsonReader.number(current, "pid").longValue()).isEqualTo(standby.pid());
            assertThat(JsonReader.number(current, "changesBehind").longValue()).isZero();
            assertThat(stat()).contains("\nstandby, pid " + standby.pid() + ": current\n");

            standby.signal(PidFd.SIGSTOP);
            Object late = awaitState("late", () -> VirtioNic.connect(folder.resolve("vm0.sock"), 1).close());
            assertThat(JsonReader.number(late, "changesBehind").longValue()).isPositive();
            assertThat(JsonReader.number(late, "lateNs").longValue()).isPositive();
            assertThat(stat()).containsPattern("\nstandby, pid " + standby.pid()
                    + ": late for [0-9.]+ s, [0-9,]+ changes behind: it does not read\n");
            assertThat(active.err()).contains("the standby does not read what has changed");

            standby.signal(PidFd.SIGCONT);
            awaitState("current", () -> { });
            assertThat(active.end(PidFd.SIGTERM)).isZero();
            assertThat(standby.status()).as("%s", standby.err()).isZero();
            assertThat(folder).isEmptyDirectory();
        }
    }

    /** Asks again and again, with the change before each question, and returns what is said of the one standby. */
    private @Nullable Object awaitState(String state, Change change) throws Exception {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (true) {
            change.make();
            try (ControlClient client = ControlClient.connect(Path.of(control()));
                    ControlReply reply = client.ask("stat")) {
                if (JsonReader.at(reply.document(), "standbys") instanceof List<?> standbys && standbys.size() == 1
                        && state.equals(JsonReader.text(standbys.getFirst(), "state"))) {
                    return standbys.getFirst();
                }
                assertThat(System.nanoTime()).as("until the standby is %s; last: %s", state, reply.document())
                        .isLessThan(deadlineNs);
            }
        }
    }

    private interface Change {
        void make() throws Exception;
    }

    private String stat() throws Exception {
        try (BatonProcess stat = BatonProcess.start("stat", "--control", control())) {
            assertThat(stat.status()).as("%s", stat.err()).isZero();
            return stat.out() + "\n";
        }
    }

    @Test
    void queuePairsMoveUnderTraffic() throws Exception {
        try (BatonProcess active = run("--cpus", "0,1"); Traffic traffic = traffic()) {
            traffic.awaitFrames(FRAMES);
            for (int agent : new int[] {1, 0}) {
                assertSaid(0, "queue pair 0 of vm0: agent " + agent + ", blackout ", "move", "--control", control(),
                        "--port", "vm0", "--pair", "0", "--to", "" + agent);
                traffic.awaitFrames(FRAMES);
            }
            assertSaid(1, "baton: there is no port 'vm9'", "move", "--control", control(), "--port", "vm9", "--pair",
                    "0", "--to", "0");
            assertSaid(1, "baton: move: port vm0 has no queue pair 7, they are 0 to 1", "move", "--control",
                    control(), "--port", "vm0", "--pair", "7", "--to", "0");
            assertSaid(1, "baton: move: there is no agent 7, they are 0 to 1", "move", "--control", control(),
                    "--port", "vm0", "--pair", "0", "--to", "7");
            traffic.assertPerfect();
            assertThat(active.end(PidFd.SIGTERM)).isZero();
        }
    }

    @Test
    void aSnapshotTellsWhereEveryVirtqueueStands() throws Exception {
        try (BatonProcess active = run(); Traffic traffic = traffic();
                BatonProcess snapshot = BatonProcess.start("snapshot", "--control", control())) {
            assertThat(snapshot.status()).as("%s", snapshot.err()).isZero();
            Object document = JsonReader.parse(snapshot.out());
            assertThat(JsonReader.at(document, "ports")).as("%s", document).isNotNull();
            assertThat(snapshot.out()).contains("lastAvailIdx").contains("usedIdx");
            traffic.assertPerfect();
            assertThat(active.end(PidFd.SIGTERM)).isZero();
        }
    }

    private static void assertSaid(int status, String sentence, String... args) throws Exception {
        try (BatonProcess baton = BatonProcess.start(args)) {
            assertThat(baton.status()).as("%s", baton.err()).isEqualTo(status);
            assertThat(status == 0 ? baton.out() : baton.err()).startsWith(sentence).doesNotContain("\n");
        }
    }
}
