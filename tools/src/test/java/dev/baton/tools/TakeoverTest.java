package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.PidFd;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.json.JsonReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code baton takeover} as a user starts it: a process relieves another under traffic. */
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class TakeoverTest {
    private static final int TAKEOVERS = 5;
    private static final int PAIRS = 2;
    /** The kernel chooses a quiet flow's queue anew after 3 s: with several the order is not Baton's to keep. */
    private static final int TAP_PAIRS = 1;
    private static final int FRAMES = 2_000;

    @TempDir
    private Path folder;
    private Path control;
    private Path guest;
    private Path other;

    @BeforeEach
    void name() {
        control = folder.resolve("control.sock");
        guest = folder.resolve("vm0.sock");
        other = folder.resolve("vm1.sock");
    }

    private BatonProcess runWithTap(Fd namespace, String... more) throws Exception {
        return run(tapPorts(namespace, TAP_PAIRS), more);
    }

    private List<String> tapPorts(Fd namespace, int pairs) {
        return tapPorts(namespace, pairs, "");
    }

    private List<String> tapPorts(Fd namespace, int pairs, String moreOfTheGuest) {
        String netns = "/proc/" + ProcessHandle.current().pid() + "/fd/" + namespace.value();
        return List.of("--port", "vhost-user:vm0,queues=" + pairs + ",path=" + guest + moreOfTheGuest, "--port",
                "tap:tap0,queues=" + pairs + ",netns=" + netns, "--wire", "vm0=tap0");
    }

    private BatonProcess runBetweenGuests(String faults, String... more) throws Exception {
        return BatonProcess.startWith(faults, command(List.of("--port", "vhost-user:vm0,queues=" + PAIRS + ",path="
                + guest, "--port", "vhost-user:vm1,queues=" + PAIRS + ",path=" + other, "--wire", "vm0=vm1"), more))
                .awaitReady();
    }

    private BatonProcess run(List<String> ports, String... more) throws Exception {
        return BatonProcess.start(command(ports, more)).awaitReady();
    }

    private String[] command(List<String> ports, String... more) {
        List<String> command = new ArrayList<>(List.of("run", "--control", control.toString()));
        command.addAll(ports);
        command.addAll(List.of(more));
        return command.toArray(String[]::new);
    }

    private BatonProcess takeover(String faults, String... more) throws Exception {
        List<String> command = new ArrayList<>(List.of("takeover", "--control", control.toString()));
        command.addAll(List.of(more));
        return BatonProcess.startWith(faults, command.toArray(String[]::new));
    }

    private @Nullable Object ask(String request) throws Exception {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask(request)) {
            return reply.document();
        }
    }

    private static long frames(@Nullable Object stat, String port, String direction) {
        return JsonReader.number(stat, "ports", port, direction, "frames").longValue();
    }

    private static void assertRelieved(BatonProcess former) throws Exception {
        assertThat(former.status()).as("%s", former.err()).isZero();
        assertThat(former.err()).isEmpty();
        assertThat(former.out()).contains("baton: handed over");
    }

    private void assertEndsClean(BatonProcess last) throws Exception {
        assertThat(last.end(PidFd.SIGTERM)).as("%s", last.err()).isZero();
        assertThat(last.err()).isEmpty();
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void takeoversInARowLoseNothing() throws Exception {
        Privileges.requireTap();
        try (Fd namespace = NetworkNamespace.create(); BatonProcess first = runWithTap(namespace);
                Traffic traffic = Traffic.withKernel(guest, namespace, "tap0", TAP_PAIRS)) {
            traffic.awaitFrames(FRAMES);
            BatonProcess owner = first;
            for (int i = 0; i < TAKEOVERS; i++) {
                long before = frames(ask("stat"), "vm0", "rx");
                BatonProcess next = takeover("", "--timeout", "60").awaitReady();
                assertRelieved(owner);
                assertThat(next.out()).contains("taken over from pid " + owner.pid() + ": blackout p50")
                        .contains("1 vhost-user connections").contains("control = " + control);
                owner.close();
                owner = next;
                Object stat = ask("stat");
                assertThat(JsonReader.number(stat, "pid").longValue()).isEqualTo(owner.pid());
                assertThat(frames(stat, "vm0", "rx")).isGreaterThan(before);
                traffic.awaitFrames(FRAMES);
            }
            long sent = traffic.assertPerfect();
            Object stat = ask("stat");
            assertThat(frames(stat, "vm0", "rx")).isGreaterThanOrEqualTo(sent).isEqualTo(frames(stat, "tap0", "tx"));
            assertEndsClean(owner);
            owner.close();
        }
    }

    @Test
    void aFailedTakeoverLeavesTheOldOneGoing() throws Exception {
        String outgoing = "front-end:truncate,outgoing-claim:refuse,outgoing-release:refuse";
        try (BatonProcess owner = runBetweenGuests(outgoing);
                Traffic traffic = Traffic.betweenGuests(guest, other, PAIRS)) {
            assertFails(owner, traffic, "", "section front-end: ");
            assertFails(owner, traffic, "", "section outgoing-claim: ");
            assertFails(owner, traffic, "", "section outgoing-release: ");
            assertFails(owner, traffic, "incoming-map:refuse", "section incoming-map: ");
            assertFails(owner, traffic, "incoming-prepared:kill", "");
            assertFails(owner, traffic, "incoming-claiming:kill", "");
            assertFails(owner, traffic, "prepared:silence", "section ", "--timeout", "2");
            assertThat(owner.err().lines()).hasSize(7)
                    .allMatch(line -> line.startsWith("baton: not handed over, this Baton goes on: section "));
            try (BatonProcess next = takeover("", "--timeout", "60").awaitReady()) {
                assertThat(owner.status()).isZero();
                traffic.awaitFrames(FRAMES);
                traffic.assertPerfect();
                assertEndsClean(next);
            }
        }
    }

    private void assertFails(BatonProcess owner, Traffic traffic, String faults, String sentence, String... more)
            throws Exception {
        try (BatonProcess failed = more.length == 0 ? takeover(faults, "--timeout", "60") : takeover(faults, more)) {
            assertThat(failed.status()).as("%s: %s", faults, failed.out()).isNotZero();
            // Who is killed has no last words; anybody else who failed for another reason has some.
            assertThat(failed.err()).matches(said -> said.isEmpty() == sentence.isEmpty()).contains(sentence)
                    .doesNotContain("\n");
        }
        traffic.awaitFrames(FRAMES);
        assertThat(JsonReader.number(ask("version"), "pid").longValue()).isEqualTo(owner.pid());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\'', value = {
        "--backend-transfer off | backend-transfer is on at the peer, off here",
        "--profile 0.1          | compatibility profile is \"\" at the peer, \"0.1\" here"})
    void whatTheOwnersDoNotAgreeOnIsNamed(String options, String sentence) throws Exception {
        try (BatonProcess owner = runBetweenGuests(""); BatonProcess refused = takeover("", options.split(" "))) {
            assertThat(refused.status()).isEqualTo(1);
            assertThat(refused.err()).contains("section hello: ").contains(sentence);
            assertThat(JsonReader.number(ask("version"), "pid").longValue()).isEqualTo(owner.pid());
            assertEndsCleanButForAWarning(owner);
        }
    }

    private void assertEndsCleanButForAWarning(BatonProcess owner) throws Exception {
        assertThat(owner.end(PidFd.SIGTERM)).isZero();
        assertThat(owner.err()).startsWith("baton: not handed over, this Baton goes on: ").doesNotContain("\n");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void switchesThatAgreeAreTaken() throws Exception {
        try (BatonProcess owner = runBetweenGuests("", "--backend-transfer", "off", "--profile", "0.1");
                BatonProcess next = takeover("", "--backend-transfer", "off", "--profile", "0.1", "--json")
                        .awaitReady()) {
            assertRelieved(owner);
            Object report = JsonReader.parse(next.out().substring(0, next.out().lastIndexOf("baton: ready")));
            assertThat(JsonReader.number(report, "formerPid").longValue()).isEqualTo(owner.pid());
            assertThat(JsonReader.number(report, "carried", "ports").intValue()).isEqualTo(2);
            assertEndsClean(next);
        }
    }

    /** Without the state of its back ends the new owner opens a TAP beside the old one's: one with several queues. */
    @Test
    void aTapIsOpenedAnewIfItsStateDoesNotCome() throws Exception {
        Privileges.requireTap();
        try (Fd namespace = NetworkNamespace.create();
                BatonProcess owner = run(tapPorts(namespace, 2), "--backend-transfer", "off");
                BatonProcess next = takeover("", "--backend-transfer", "off", "--timeout", "60").awaitReady()) {
            assertRelieved(owner);
            assertThat(next.out()).contains("carried 2 ports, 1 wires").contains(" 0 back-end queues")
                    .contains("port = tap:tap0,queues=2");
            try (Traffic traffic = Traffic.withKernel(guest, namespace, "tap0", 2)) {
                traffic.awaitFrames(FRAMES);
            }
            assertEndsClean(next);
        }
    }

    /** A TAP with a single queue cannot be open twice: the old owner keeps it, and the way out is named. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aTapThatCannotBeOpenedAnewStaysWithItsOwner(boolean global) throws Exception {
        Privileges.requireTap();
        String[] off = global ? new String[] {"--backend-transfer", "off"} : new String[0];
        try (Fd namespace = NetworkNamespace.create();
                BatonProcess owner = run(tapPorts(namespace, 1, global ? "" : ",backend-transfer=off"), off);
                Traffic traffic = Traffic.withKernel(guest, namespace, "tap0", 1);
                BatonProcess refused = takeover("", off)) {
            assertThat(refused.status()).isEqualTo(1);
            assertThat(refused.err()).startsWith("baton: nothing was taken over: section back-end tap0: it has to be"
                    + " opened anew: ").contains("a single-queue interface of this name is open in another place")
                .endsWith("with backend-transfer on at both owners and at the front-end its state would come instead")
                .doesNotContain("\n");
            traffic.awaitFrames(FRAMES);
            traffic.assertPerfect();
            assertThat(JsonReader.number(ask("version"), "pid").longValue()).isEqualTo(owner.pid());
            assertEndsCleanButForAWarning(owner);
        }
    }

    /** What runs is what ran: a new owner brings no ports, wires or files of its own. */
    @ParameterizedTest
    @ValueSource(strings = {"--port loopback:l", "--wire a=b", "--config file", "--cpus 0", "--idle busy"})
    void aTakeoverBringsNothingNew(String option) throws Exception {
        try (BatonProcess owner = runBetweenGuests(""); BatonProcess refused = takeover("", option.split(" "))) {
            assertThat(refused.status()).isEqualTo(2);
            assertThat(refused.err()).startsWith("baton: " + option.substring(0, option.indexOf(' '))
                    + " is an option of 'baton run': a takeover brings nothing new, what runs goes on")
                .doesNotContain("\n");
            assertThat(JsonReader.number(ask("version"), "pid").longValue()).isEqualTo(owner.pid());
            assertEndsClean(owner);
        }
    }

    @Test
    void aSecondTakeoverAtATimeIsRefused() throws Exception {
        try (BatonProcess owner = runBetweenGuests("")) {
            try (ControlClient first = ControlClient.connect(control);
                    ControlReply _ = first.ask("takeover timeout=60"); BatonProcess second = takeover("")) {
                assertThat(second.status()).isEqualTo(1);
                assertThat(second.err()).contains("another takeover is under way");
            }
            assertEndsCleanButForAWarning(owner);
        }
    }

    /** Where the owner's process ID is nobody's, or another process's. */
    @ParameterizedTest
    @ValueSource(strings = {"takeover", "standby"})
    void whoLivesInAnotherPidNamespaceIsRefused(String command) throws Exception {
        Privileges.requireTap();
        try (BatonProcess owner = runBetweenGuests("");
                Traffic traffic = Traffic.betweenGuests(guest, other, PAIRS);
                BatonProcess stranger = BatonProcess.startInPidNamespace(command, "--control", control.toString())) {
            assertThat(stranger.status()).as(stranger.out()).isEqualTo(1);
            assertThat(stranger.err()).contains("section hello: the peer is process " + owner.pid())
                .contains("another PID namespace").doesNotContain("\n");
            traffic.awaitFrames(FRAMES);
            traffic.assertPerfect();
            assertThat(JsonReader.number(ask("version"), "pid").longValue()).isEqualTo(owner.pid());
        }
    }

    @Test
    void aRefusedOptionIsStatusTwo() throws Exception {
        for (String[] args : new String[][] {{"takeover"}, {"takeover", "--control", "x", "--timeout", "0"},
            {"takeover", "--control", "x", "--backend-transfer", "maybe"},
            {"takeover", "--control", "x", "--profile", "9"}, {"takeover", "--control", "x", "--fast"},
            {"standby", "--control", "x", "--heartbeat-timeout", "1"},
            {"move", "--control", "x", "--port", "p", "--pair", "0"}}) {
            try (BatonProcess baton = BatonProcess.start(args)) {
                assertThat(baton.status()).as("%s: %s", String.join(" ", args), baton.err()).isEqualTo(2);
                assertThat(baton.err()).startsWith("baton: ").doesNotContain("\n");
            }
        }
        try (BatonProcess baton = takeover("")) {
            assertThat(baton.status()).isEqualTo(1);
            assertThat(baton.err()).contains("there is no control socket " + control);
        }
    }
}
