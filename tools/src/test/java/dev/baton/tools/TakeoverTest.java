package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.PidFd;
import dev.baton.tools.json.JsonReader;
import dev.baton.tools.traffic.Arrivals;
import dev.baton.tools.traffic.Endpoint;
import dev.baton.tools.traffic.Flow;
import dev.baton.tools.traffic.Station;
import dev.baton.tools.traffic.VirtioNic;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Batons that relieve each other, as processes, between two guests that never stop sending. */
@Timeout(300)
class TakeoverTest {
    @TempDir
    private Path folder = Path.of("");

    private String control() {
        return folder.resolve("control.sock").toString();
    }

    private BatonProcess run(String... more) throws Exception {
        String[] args = new String[more.length + 9];
        String[] fixed = {"run", "--port", "vhost-user:vm0,path=" + folder + "/vm0.sock", "--port",
            "vhost-user:vm1,path=" + folder + "/vm1.sock", "--wire", "vm0=vm1", "--control", control()};
        System.arraycopy(fixed, 0, args, 0, fixed.length);
        System.arraycopy(more, 0, args, fixed.length, more.length);
        return BatonProcess.start(args).awaitReady();
    }

    @Test
    void takeoversChainAndNoFrameIsLost() throws Exception {
        try (BatonProcess first = run(); Guests guests = new Guests(folder)) {
            BatonProcess owner = first;
            for (int i = 0; i < 3; i++) {
                guests.awaitProgress();
                BatonProcess next = BatonProcess.start("takeover", "--control", control()).awaitReady();
                assertThat(owner.status()).isZero();
                assertThat(owner.err()).isEmpty();
                assertThat(next.out()).contains("taken over from pid " + owner.pid() + ": blackout p50 ")
                        .contains("carried 2 ports, 1 wires, 2 vhost-user connections, 4 virtqueues");
                owner = next;
            }
            guests.awaitProgress();
            guests.finish();
            Object stat = stat();
            assertThat(JsonReader.number(stat, "pid").longValue()).isEqualTo(owner.pid());
            assertThat(JsonReader.number(stat, "ports", "vm0", "rx", "frames").longValue())
                    .as("counted by four processes").isEqualTo(guests.sentByA() + 1);
            assertThat(owner.end(PidFd.SIGTERM)).isZero();
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aFailedTakeoverChangesNothing() throws Exception {
        try (BatonProcess owner = run(); Guests guests = new Guests(folder)) {
            assertRefused("section hello: ", "backend-transfer is ", "--backend-transfer", "off");
            assertRefused("section hello: ", "compatibility profile is ", "--profile", "0.1");
            guests.awaitProgress();
            try (BatonProcess next = BatonProcess.start("takeover", "--control", control()).awaitReady()) {
                assertThat(owner.status()).isZero();
                assertThat(owner.err().lines()).hasSize(2)
                        .allMatch(line -> line.startsWith("baton: not handed over, this Baton goes on: section hello"));
                guests.finish();
                assertThat(next.end(PidFd.SIGTERM)).isZero();
            }
        }
    }

    private void assertRefused(String section, String reason, String... options) throws Exception {
        String[] args = {"takeover", "--control", control(), options[0], options[1]};
        try (BatonProcess refused = BatonProcess.start(args)) {
            assertThat(refused.status()).isEqualTo(1);
            assertThat(refused.err()).startsWith("baton: nothing was taken over: " + section).contains(reason)
                    .doesNotContain("\n");
        }
    }

    @Test
    void aStandbyGoesOnWhenTheOwnerIsKilled() throws Exception {
        try (BatonProcess owner = run(); Guests guests = new Guests(folder)) {
            try (BatonProcess standby = BatonProcess.start("standby", "--control", control())
                    .awaitLine("baton: standing by for pid " + owner.pid())) {
                guests.awaitProgress();
                owner.end(PidFd.SIGKILL);
                standby.awaitReady();
                assertThat(standby.out()).contains("recovered from pid " + owner.pid());
                guests.awaitProgress();
                assertThat(JsonReader.text(stat(), "ports", "vm0", "state")).startsWith("connected, 2 of 2 virtqueues");
                // Of the burst in which the owner died, at most the burst is repeated or lost, in either direction.
                guests.stop();
                assertThat(guests.duplicated()).isLessThanOrEqualTo(2 * 32);
                assertThat(standby.end(PidFd.SIGTERM)).isZero();
            }
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aStandbyEndsWithAnOwnerThatEndsInOrder() throws Exception {
        try (BatonProcess owner = run(); BatonProcess standby = BatonProcess.start("standby", "--control", control())
                .awaitLine("baton: standing by for pid " + owner.pid())) {
            assertThat(owner.end(PidFd.SIGTERM)).isZero();
            assertThat(standby.status()).isZero();
            assertThat(standby.out()).contains("nothing to stand by for");
        }
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aQueuePairIsMovedAndASnapshotShowsIt() throws Exception {
        try (BatonProcess owner = run("--cpus", "0,1"); Guests guests = new Guests(folder)) {
            try (BatonProcess move = BatonProcess.start("move", "--control", control(), "--port", "vm0", "--pair", "0",
                    "--to", "1"); BatonProcess refused = BatonProcess.start("move", "--control", control(), "--port",
                    "vm2", "--pair", "0", "--to", "1")) {
                assertThat(move.status()).as(move.err()).isZero();
                assertThat(move.out()).startsWith("queue pair 0 of vm0: agent 1, blackout ");
                assertThat(refused.status()).isEqualTo(1);
                assertThat(refused.err()).isEqualTo("baton: there is no port 'vm2'");
            }
            try (BatonProcess snapshot = BatonProcess.start("snapshot", "--control", control())) {
                assertThat(snapshot.status()).isZero();
                assertThat(snapshot.out()).contains("\"agent\": 1").contains("\"epoch\": 1")
                        .contains("\"queue\": \"transmitq\"");
            }
            guests.finish();
            assertThat(owner.end(PidFd.SIGTERM)).isZero();
        }
    }

    private @Nullable Object stat() throws Exception {
        try (BatonProcess stat = BatonProcess.start("stat", "--json", "--control", control())) {
            assertThat(stat.status()).as(stat.err()).isZero();
            return JsonReader.parse(stat.out());
        }
    }

    /** Two guests over real vhost-user connections: A sends sequence-numbered frames, B acknowledges them. */
    private static final class Guests implements AutoCloseable {
        private final VirtioNic nicA;
        private final VirtioNic nicB;
        private final Station a;
        private final Station b;
        private final Thread thread;
        private final AtomicLong acknowledged = new AtomicLong();
        private final AtomicBoolean sending = new AtomicBoolean(true);
        private final AtomicBoolean running = new AtomicBoolean(true);

        Guests(Path folder) throws Exception {
            Endpoint endA = new Endpoint(0x02_00_00_00_00_0AL, 0xC0_00_02_0A);
            Endpoint endB = new Endpoint(0x02_00_00_00_00_0BL, 0xC0_00_02_0B);
            nicA = VirtioNic.connect(folder.resolve("vm0.sock"), 1);
            nicB = VirtioNic.connect(folder.resolve("vm1.sock"), 1);
            a = new Station(endA, endB.ipv4(), nicA.ports(), 32);
            b = new Station(endB, endA.ipv4(), nicB.ports(), 32);
            thread = Thread.ofPlatform().daemon().start(this::play);
        }

        private Flow flow() {
            return a.flows().getFirst();
        }

        private void play() {
            while (running.get()) {
                a.sending(sending.get());
                if (a.step() + b.step() == 0) {
                    LockSupport.parkNanos(50_000);
                }
                acknowledged.set(flow().acknowledgedFrames());
            }
        }

        void awaitProgress() {
            long before = acknowledged.get();
            while (acknowledged.get() < before + 1000) {
                LockSupport.parkNanos(1_000_000);
            }
        }

        void stop() throws InterruptedException {
            running.set(false);
            thread.join();
        }

        /** Sends no more, waits for what is on its way, and checks that every frame came once and in order. */
        void finish() throws InterruptedException {
            sending.set(false);
            LockSupport.parkNanos(50_000_000);
            while (flow().acknowledgedFrames() != flow().sentFrames()) {
                LockSupport.parkNanos(1_000_000);
            }
            stop();
            Arrivals arrivals = Arrivals.of(b.flows());
            assertThat(arrivals.frames()).isEqualTo(flow().sentFrames());
            assertThat(arrivals.duplicated() + arrivals.reordered() + arrivals.corrupted()).isZero();
        }

        long duplicated() {
            return Arrivals.of(b.flows()).duplicated();
        }

        long sentByA() {
            return flow().sentFrames();
        }

        @Override
        public void close() throws InterruptedException {
            stop();
            nicA.close();
            nicB.close();
        }
    }
}
