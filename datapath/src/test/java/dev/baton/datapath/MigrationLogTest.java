package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.ProtocolFeatures;
import dev.baton.vhostuser.SharedMemory;
import dev.baton.virtqueue.Features;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** While a guest migrates, every page of it that a frame is written to is in the log, whoever owns the datapath. */
@Timeout(120)
class MigrationLogTest {
    private static final long PAGE = 4096;
    private static final int FRAMES = 200;

    private Datapath owner = Datapath.launch(DatapathConfig.defaults());

    @ParameterizedTest
    @ValueSource(longs = {0, Features.RING_PACKED, Features.RING_PACKED | Features.IN_ORDER})
    void pagesThatFramesArriveInAreLoggedAcrossAHandover(long format) throws ProtocolException {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        owner.wire(a, b);
        try (TestGuest sender = TestGuest.connect(a.socketPath());
             TestGuest moving = TestGuest.connect(b.socketPath(), 1, TestGuest.FEATURES | format);
             SharedMemory log = SharedMemory.create(0, 1 << 16)) {
            long acked = moving.features | ProtocolFeatures.F_PROTOCOL_FEATURES;
            assertThat(exchange(sender, moving, log)).as("before it begins").isEmpty();
            moving.frontEnd.setLog(log);
            moving.frontEnd.ackFeatures(acked | Features.LOG_ALL);
            assertThat(exchange(sender, moving, log)).isNotEmpty();

            OwnerPair pair = OwnerPair.start(owner, HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
            pair.await();
            owner = pair.incoming().join().datapath();
            assertThat(exchange(sender, moving, log)).as("by the new owner").isNotEmpty();

            moving.frontEnd.ackFeatures(acked);
            assertThat(exchange(sender, moving, log)).as("after it has ended").isEmpty();
        } finally {
            owner.close();
        }
    }

    /** Sends frames; the pages that were logged meanwhile, every one with a frame among them if there are any. */
    private static Set<Long> exchange(TestGuest from, TestGuest to, SharedMemory log) {
        RawMemory.fill(log.hostAddress(), log.sizeBytes(), (byte) 0);
        List<Long> written = new ArrayList<>();
        SequencedFrames frames = new SequencedFrames();
        while (frames.received() < FRAMES) {
            if (frames.sent() < FRAMES) {
                frames.send(from, 0, 60 + (int) frames.sent() * 37 % 1400);
            }
            to.receive(0, frames, slot -> written.add(to.memory.guestOf(slot) / PAGE));
        }
        assertThat(frames.wrong()).isZero();
        Set<Long> logged = new TreeSet<>();
        for (long page = 0; page < log.sizeBytes() * 8; page++) {
            if ((RawMemory.getByte(log.hostAddress() + page / 8) & 1 << (int) (page % 8)) != 0) {
                logged.add(page);
            }
        }
        if (!logged.isEmpty()) {
            assertThat(logged).containsAll(written);
        }
        return logged;
    }
}
