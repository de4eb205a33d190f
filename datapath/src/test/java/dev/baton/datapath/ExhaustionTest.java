package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.MemFd;
import dev.baton.vhostuser.FrontEnd;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.Request;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** There is no more of something: an error for who wants it, and nothing for those that run. */
@Timeout(120)
class ExhaustionTest {
    private static final String SURVIVED = "no frame lost";

    @TempDir
    private Path folder;

    /** In a process of its own, which may open few descriptors (RLIMIT_NOFILE). */
    @Test
    void withoutDescriptorsNewPortsAreRefusedAndTheOthersGoOn() throws Exception {
        assertThat(FewDescriptors.run(Few.class, folder.toString())).endsWith(SURVIVED + "\n");
    }

    /** What the child does. */
    static final class Few {
        private Few() {
        }

        /** The argument is a folder for sockets. */
        public static void main(String[] arguments) throws ProtocolException, ClassNotFoundException {
            Path folder = Path.of(arguments[0]);
            try (Datapath datapath = Datapath.launch(DatapathConfig.defaults())) {
                MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
                MemoryPort d = datapath.add(MemoryPortConfig.named("d"));
                datapath.wire(c, d);
                MemoryTraffic others = new MemoryTraffic(c.driver(0), d.driver(0));
                VhostUserPort h = datapath.add(VhostUserPortConfig.listen("h", folder.resolve("h")));
                datapath.wire(h, datapath.add(MemoryPortConfig.named("p")));
                // Once with descriptors, so that no class is left to be loaded without: jars stay open, folders do not.
                assertThatThrownBy(() -> FileIo.open("none", 0, 0)).hasMessageContaining("ENOENT");
                Class.forName("dev.baton.ffi.TruncatedControlException");
                failures(datapath, h, folder, List.of());
                List<Fd> all = new ArrayList<>();
                failures(datapath, h, folder, all);
                all.forEach(Fd::close);
                datapath.add(VhostUserPortConfig.listen("new", folder.resolve("new")));
                TestGuest.connect(h.socketPath()).close();
                others.awaitProgress();
                others.finish();
                System.out.println(SURVIVED);
            }
        }

        /** A guest that hands in an eventfd, and ports that want to be, while there are as few descriptors as said. */
        private static void failures(Datapath datapath, VhostUserPort h, Path folder, List<Fd> all)
            throws ProtocolException {
            boolean rehearsal = !(all instanceof ArrayList);
            try (TestGuest guest = TestGuest.connect(h.socketPath()); EventFd call = EventFd.create()) {
                if (!rehearsal) {
                    FewDescriptors.take(all);
                }
                Path socket = folder.resolve(rehearsal ? "none/x" : "x");
                assertThatThrownBy(() -> datapath.add(VhostUserPortConfig.listen("x", socket)))
                    .isInstanceOf(DatapathException.class).hasMessageContaining(rehearsal ? "directory" : "EMFILE");
                assertThatThrownBy(() -> datapath.add(MemoryPortConfig.named(rehearsal ? "c" : "y")))
                    .isInstanceOf(RuntimeException.class).hasMessageContaining(rehearsal ? "c" : "EMFILE");
                ByteBuffer ring = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(rehearsal ? 77 : 0);
                guest.frontEnd.channel().send(Request.SET_VRING_CALL, false, ring.array(), call.fd());
                String reason = rehearsal ? "invalid-value" : "descriptor-count";
                while (!faults(datapath).contains(reason)) {
                    LockSupport.parkNanos(1_000_000);
                }
            }
            assertThat(datapath.ports()).extracting(Port::name).containsExactly("c", "d", "h", "p");
        }

        private static String faults(Datapath datapath) {
            return Objects.requireNonNull(datapath.counters().ports().get("h")).faultsByReason().keySet().toString();
        }
    }

    /** What the operator lets a port map, and a page more: that front-end is refused, the one beside it is not. */
    @Test
    void memoryBeyondThePortsOwnLimitIsRefused() throws ProtocolException {
        long page = 4096;
        long limit = 1L << 20;
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults());
             Fd file = MemFd.create("memory", 2 * limit)) {
            VhostUserPort small = datapath.add(VhostUserPortConfig.listen("s", folder.resolve("s"))
                .withMemoryLimit(limit));
            VhostUserPort large = datapath.add(VhostUserPortConfig.listen("l", folder.resolve("l")));
            datapath.wire(small, large);
            try (FrontEnd guest = FrontEnd.connect(small.socketPath(), Duration.ofSeconds(20));
                 FrontEnd other = FrontEnd.connect(large.socketPath(), Duration.ofSeconds(20))) {
                guest.negotiate(TestGuest.FEATURES, ProtocolFeatures.IMPLEMENTED);
                other.negotiate(TestGuest.FEATURES, ProtocolFeatures.IMPLEMENTED);
                assertThat(add(guest, 0, limit - page, file)).isZero();
                assertThat(add(guest, 1L << 32, 2 * page, file)).isOne();
                assertThat(datapath.state(small)).startsWith("connected").contains("too-much-memory")
                    .contains("this port maps at most 0x100000 bytes, 0x1000 are left");
                assertThat(add(guest, 1L << 32, page, file)).isZero();
                assertThat(add(guest, 1L << 33, page, file)).isOne();
                assertThat(add(other, 0, 2 * limit, file)).isZero();
                assertThat(datapath.state(large)).doesNotContain("too-much-memory");
            }
        }
    }

    /** Two takeovers later the limit is still what the operator said, for the guest that is there and those to come. */
    @Test
    void theLimitForMemoryGoesAlongInATakeover() throws Exception {
        long limit = 1L << 20;
        HandoverOptions options = HandoverOptions.defaults().withRehearsals(0);
        Datapath owner = Datapath.launch(DatapathConfig.defaults());
        try (Fd file = MemFd.create("memory", 2 * limit)) {
            VhostUserPort port = owner.add(VhostUserPortConfig.listen("s", folder.resolve("s"))
                .withMemoryLimit(limit));
            owner.wire(port, owner.add(new LoopbackPortConfig("loop", 1)));
            try (FrontEnd guest = FrontEnd.connect(port.socketPath(), Duration.ofSeconds(20))) {
                guest.negotiate(TestGuest.FEATURES, ProtocolFeatures.IMPLEMENTED);
                assertThat(add(guest, 0, limit, file)).isZero();
                owner = HandoverPair.attempt(owner, options, options).datapath();
                assertThat(add(guest, 1L << 32, 4096, file)).isOne();
                owner = HandoverPair.attempt(owner, options, options).datapath();
                assertThat(owner.ports().getFirst().describe()).contains(",memory-limit=1M");
            }
            try (FrontEnd next = FrontEnd.connect(port.socketPath(), Duration.ofSeconds(20))) {
                next.negotiate(TestGuest.FEATURES, ProtocolFeatures.IMPLEMENTED);
                assertThat(add(next, 0, limit + 4096, file)).isOne();
                assertThat(add(next, 0, limit, file)).isZero();
            }
        } finally {
            owner.close();
        }
    }

    private static long add(FrontEnd frontEnd, long address, long bytes, Fd file) throws ProtocolException {
        ByteBuffer region = ByteBuffer.allocate(40).order(ByteOrder.LITTLE_ENDIAN);
        region.putLong(0).putLong(address).putLong(bytes).putLong(address).putLong(0);
        frontEnd.channel().send(Request.ADD_MEM_REG, true, region.array(), file);
        return frontEnd.channel().receive(Request.ADD_MEM_REG);
    }

    /** More memory than a port may map: the region is refused, the connection goes on, and other guests get theirs. */
    @Test
    void memoryBeyondThePortsBoundIsRefused() throws ProtocolException {
        long huge = 1L << 43;
        try (Datapath datapath = Datapath.launch(DatapathConfig.defaults()); Fd file = MemFd.create("huge", huge)) {
            VhostUserPort h = datapath.add(VhostUserPortConfig.listen("h", folder.resolve("h")));
            datapath.wire(h, datapath.add(MemoryPortConfig.named("p")));
            MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
            MemoryPort d = datapath.add(MemoryPortConfig.named("d"));
            datapath.wire(c, d);
            MemoryTraffic others = new MemoryTraffic(c.driver(0), d.driver(0));
            try (FrontEnd frontEnd = FrontEnd.connect(h.socketPath(), Duration.ofSeconds(20))) {
                frontEnd.negotiate(TestGuest.FEATURES, ProtocolFeatures.IMPLEMENTED);
                long refused = 0;
                for (int i = 0; i < 4; i++) {
                    refused += add(frontEnd, i * huge, huge, file);
                }
                assertThat(refused).isEqualTo(2);
                assertThat(datapath.state(h)).startsWith("connected").contains("too-much-memory")
                    .contains("0x0 are left");
            }
            others.awaitProgress();
            others.finish();
            TestGuest.connect(h.socketPath()).close();
        }
    }
}
