package dev.baton.datapath;

import static dev.baton.datapath.OffloadKind.TAKES;
import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FlowPacket.Checksum;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The owner changes while frames of a flow are joined for a guest: each datagram arrives once, whole and in order,
 * whether the owner is one that joins or an older one.
 */
@Timeout(120)
class GuestCoalescingHandoverTest {
    private static final int HANDOVERS = 20;
    private static final int PAYLOAD = 300;
    private static final int BATCH = 16;
    private static final int UDP_HEADERS = 42;

    /** Numbered datagrams of one flow from one guest to the other, by one thread that plays both. */
    private static final class Traffic {
        private final TestGuest from;
        private final TestGuest to;
        private final FlowPacket packet = Flows.packet(false, false, PAYLOAD, Checksum.PARTIAL);
        private final CompletableFuture<Void> done = new CompletableFuture<>();
        private volatile boolean finishing;
        private volatile long received;
        private long sent;
        private long wrong;
        private long frames;

        Traffic(TestGuest from, TestGuest to) {
            this.from = from;
            this.to = to;
            Thread.ofPlatform().daemon().start(this::play);
        }

        private void play() {
            try {
                while (!finishing || received < sent) {
                    for (int i = 0; i < BATCH && !finishing; i++) {
                        number(packet.payload, sent);
                        byte[] frame = packet.frame();
                        sent += from.put(0, packet.header(), frame, VirtioNetHeader.LENGTH + frame.length) ? 1 : 0;
                    }
                    from.publish(0);
                    to.receive(0, this::arrived);
                }
                done.complete(null);
            } catch (RuntimeException | AssertionError e) {
                done.completeExceptionally(e);
            }
        }

        private static void number(byte[] payload, long number) {
            for (int i = 0; i < payload.length; i++) {
                payload[i] = (byte) (i < Long.BYTES ? number >>> (8 * i) : number + i);
            }
        }

        private void arrived(long address, int length) {
            frames++;
            byte[] expected = new byte[PAYLOAD];
            byte[] payload = new byte[PAYLOAD];
            wrong += length <= UDP_HEADERS || (length - UDP_HEADERS) % PAYLOAD != 0 ? 1 : 0;
            long next = received;
            for (int at = UDP_HEADERS; at + PAYLOAD <= length; at += PAYLOAD) {
                number(expected, next);
                RawMemory.copyToArray(address + at, payload, 0, PAYLOAD);
                wrong += Arrays.equals(payload, expected) ? 0 : 1;
                next++;
            }
            received = next;
        }

        void awaitProgress() {
            long before = received;
            while (received < before + 1000 && !done.isDone()) {
                OffloadedFrames.checkTime("no more frames arrive");
            }
        }

        void finish() {
            finishing = true;
            done.join();
            assertThat(wrong).as("lost, repeated, out of order or damaged").isZero();
            assertThat(received).isEqualTo(sent).isGreaterThan(1000);
            assertThat(frames).as("frames that carried them").isLessThan(received);
        }
    }

    private static Datapath launch() {
        Datapath owner = Datapath.launch(DatapathConfig.defaults());
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")).withCoalescing(true));
        owner.wire(a, b);
        return owner;
    }

    private static VhostUserPort port(Datapath owner, String name) {
        return (VhostUserPort) Objects.requireNonNull(owner.port(name));
    }

    private static long coalesced(Datapath owner) {
        return Objects.requireNonNull(owner.counters().ports().get("b")).coalesced();
    }

    @ParameterizedTest
    @ValueSource(longs = {TestGuest.FEATURES, TestGuest.PACKED | Features.IN_ORDER})
    void manyInARowLoseAndRepeatNothing(long features) throws Exception {
        HandoverOptions options = HandoverOptions.defaults().withRehearsals(0);
        Datapath owner = launch();
        try (TestGuest one = TestGuest.connect(port(owner, "a").socketPath(), 1, features | Features.CSUM);
             TestGuest two = TestGuest.connect(port(owner, "b").socketPath(), 1, features | TAKES)) {
            Traffic traffic = new Traffic(one, two);
            for (int i = 0; i < HANDOVERS; i++) {
                traffic.awaitProgress();
                long before = coalesced(owner);
                assertThat(before).as("frames joined by owner %d", i).isPositive();
                owner = HandoverPair.attempt(owner, options, options).datapath();
                assertThat(port(owner, "b").describe()).endsWith(",coalesce=on");
                traffic.awaitProgress();
                assertThat(coalesced(owner)).isGreaterThan(before);
            }
            traffic.finish();
        } finally {
            owner.close();
        }
    }

    /** Neither way round: the traffic stays with its owner, who goes on joining. */
    @ParameterizedTest
    @CsvSource({"4,5", "5,4"})
    void anOlderOwnerDoesNotGetIt(int outgoing, int incoming) throws Exception {
        HandoverOptions options = HandoverOptions.defaults().withRehearsals(0);
        try (Datapath owner = launch();
             TestGuest one = TestGuest.connect(port(owner, "a").socketPath(), 1, TestGuest.FEATURES | Features.CSUM);
             TestGuest two = TestGuest.connect(port(owner, "b").socketPath(), 1, TestGuest.FEATURES | TAKES)) {
            Traffic traffic = new Traffic(one, two);
            traffic.awaitProgress();
            HandoverPair pair = HandoverPair.attempt(owner, options.withMaxSchemaVersion(outgoing),
                options.withMaxSchemaVersion(incoming));
            assertThat(pair.takeover()).isNull();
            assertThat(pair.outgoing()).hasMessage(
                "section front-end b: it coalesces, which the peer's schema version 4 has no words for");
            long before = coalesced(owner);
            traffic.awaitProgress();
            assertThat(coalesced(owner)).isGreaterThan(before);
            traffic.finish();
        }
    }
}
