package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Objects;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Two in-memory ports and the wire between them: the whole engine, without privileges. */
@Timeout(60)
class MemoryPortTest {
    private Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));

    @AfterEach
    void close() {
        datapath.close();
    }

    @ParameterizedTest
    @CsvSource({"22,22", "60,60", "64,1518", "2036,2037", "9000,9000", "60,65535"})
    void everyFrameArrivesOnceInOrderAndWhole(int shortest, int longest) {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        SequencedFrames there = new SequencedFrames();
        SequencedFrames back = new SequencedFrames();
        Random random = new Random(1);
        int frames = longest > 9000 ? 2_000 : 20_000;
        while (there.received() < frames || back.received() < frames) {
            if (there.sent() < frames) {
                there.send(a.driver(0), shortest + random.nextInt(longest - shortest + 1));
            }
            if (back.sent() < frames) {
                back.send(b.driver(0), shortest + random.nextInt(longest - shortest + 1));
            }
            b.driver(0).receive(there, 64);
            a.driver(0).receive(back, 64);
        }
        assertThat(there.wrong()).isZero();
        assertThat(back.wrong()).isZero();
        Patience.counted(frames, () -> stats("a").rx().frames());
        Patience.counted(frames, () -> stats("a").tx().frames());
        Patience.await("all bytes are counted", () -> stats("a").rx().bytes() == stats("b").tx().bytes());
        assertThat(stats("a").rx().drops() + stats("a").tx().drops()).isZero();
        assertThat(stats("b").rx().drops() + stats("b").tx().drops()).isZero();
    }

    @Test
    void framesWaitInTheSendersQueueWhenTheReceiverHasNoBuffers() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a").withQueueSize(16));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b").withQueueSize(16));
        datapath.wire(a, b);
        SequencedFrames frames = new SequencedFrames();
        while (frames.sent() < 32) {
            frames.send(a.driver(0), 100);
        }
        while (a.driver(0).inFlight() != 16) {
            Thread.onSpinWait();
        }
        assertThat(frames.send(a.driver(0), 100)).as("17th frame into a queue of 16").isFalse();
        while (frames.received() < 32) {
            b.driver(0).receive(frames, 1);
        }
        assertThat(frames.wrong()).isZero();
    }

    @Test
    void framesForAPortThatTakesNoneAreDroppedWithTheReason() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        VhostUserPort b = datapath.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        datapath.wire(a, b);
        SequencedFrames frames = new SequencedFrames();
        while (frames.sent() < 1000) {
            frames.send(a.driver(0), 100);
        }
        while (a.driver(0).inFlight() > 0) {
            Thread.onSpinWait();
        }
        await(() -> stats("b").tx().dropsByReason().getOrDefault("peer-down", 0L) == 1000);
        assertThat(stats("a").rx().frames()).isEqualTo(1000);
    }

    @Test
    void aRuntIsDroppedAndTheQueueGoesOn() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        a.driver(0).send(new byte[13], 0, 13);
        SequencedFrames frames = new SequencedFrames();
        frames.send(a.driver(0), 60);
        while (frames.received() < 1) {
            b.driver(0).receive(frames, 1);
        }
        await(() -> stats("a").rx().dropsByReason().getOrDefault("runt", 0L) == 1);
    }

    @ParameterizedTest
    @EnumSource(IdleMode.class)
    void aFrameAfterALongQuietIsNotMissed(IdleMode mode) {
        datapath.close();
        datapath = Datapath.launch(DatapathConfig.defaults().withIdleMode(mode));
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        SequencedFrames frames = new SequencedFrames();
        Random random = new Random(2);
        for (int i = 1; i <= 500; i++) {
            LockSupport.parkNanos(random.nextInt(1_000_000));
            assertThat(frames.send(a.driver(0), 60)).isTrue();
            while (frames.received() < i) {
                b.driver(0).receive(frames, 1);
            }
        }
        assertThat(frames.wrong()).isZero();
        if (mode == IdleMode.ADAPTIVE) {
            assertThat(datapath.counters().agents().getFirst().sleeps()).isPositive();
            assertThat(stats("a").kicks()).isPositive();
        }
    }

    @Test
    void portsComeAndGoWhileOthersCarryTraffic() throws InterruptedException {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        datapath.wire(a, b);
        SequencedFrames frames = new SequencedFrames();
        Thread traffic = Thread.ofPlatform().start(() -> {
            while (frames.received() < 200_000) {
                if (frames.sent() < 200_000) {
                    frames.send(a.driver(0), 60);
                }
                b.driver(0).receive(frames, 64);
            }
        });
        int rounds = 0;
        while (traffic.isAlive() && rounds < 1000) {
            MemoryPort c = datapath.add(MemoryPortConfig.named("c").withQueuePairs(2));
            MemoryPort d = datapath.add(MemoryPortConfig.named("d").withQueuePairs(3));
            Wire wire = datapath.wire(c, d);
            SequencedFrames own = new SequencedFrames();
            own.send(c.driver(1), 60);
            while (own.received() < 1) {
                d.driver(1).receive(own, 1);
            }
            if (rounds % 2 == 0) {
                datapath.unwire(wire);
            }
            datapath.remove(c);
            datapath.remove(d);
            rounds++;
        }
        traffic.join();
        assertThat(frames.wrong()).isZero();
        assertThat(rounds).isPositive();
        assertThat(datapath.ports()).containsExactly(a, b);
    }

    @Test
    void aCpuThatIsNotThereIsRefusedAndNothingIsLeft() {
        assertThatThrownBy(() -> Datapath.launch(DatapathConfig.defaults().withCpus(0, 1023)))
            .isInstanceOf(DatapathException.class)
            .hasMessageStartingWith("baton-agent-1 cannot be pinned to CPU 1023: ");
        assertThat(Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().equals("baton-agent-1"))).isEmpty();
    }

    @Test
    void whatCannotBeHadIsRefusedByASentence() {
        MemoryPort a = datapath.add(MemoryPortConfig.named("a"));
        MemoryPort b = datapath.add(MemoryPortConfig.named("b"));
        MemoryPort c = datapath.add(MemoryPortConfig.named("c"));
        datapath.wire(a, b);
        assertThatThrownBy(() -> datapath.add(MemoryPortConfig.named("a"))).hasMessage("there is a port a already");
        assertThatThrownBy(() -> datapath.wire(c, a)).hasMessage("port a is wired already: a=b");
        assertThatThrownBy(() -> datapath.wire(c, c)).hasMessage("port c cannot be wired to itself");
        datapath.remove(c);
        assertThatThrownBy(() -> datapath.remove(c)).hasMessage("port c does not belong to this datapath");
        assertThatThrownBy(() -> MemoryPortConfig.named("a b")).hasMessageContaining("port name \"a b\"");
        assertThatThrownBy(() -> MemoryPortConfig.named("a").withQueueSize(3)).hasMessageContaining("power of two");
        assertThatThrownBy(() -> DatapathConfig.defaults().withCpus(1, 1)).hasMessageContaining("once");
    }

    private PortStats stats(String port) {
        return Objects.requireNonNull(datapath.counters().ports().get(port));
    }

    private static void await(java.util.function.BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }
}
