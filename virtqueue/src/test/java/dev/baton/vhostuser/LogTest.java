package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.FileIo;
import dev.baton.virtqueue.Features;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A migration begins and ends while rings are running (vhost-user, "Migration"). */
class LogTest {
    private static final long ACKED = RecordingDevice.FEATURES |
        ProtocolFeatures.F_PROTOCOL_FEATURES;

    @Test
    void writesAreNotedWhileLogAllIsAckedAndThereIsALog() throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = Link.running(); SharedMemory log = SharedMemory.create(0, 4096)) {
            assertThat(link.ask(Request.SET_LOG_BASE, Body.u64(4096, 0), log.file())).isZero();
            assertThat(link.device.events).isEmpty();
            link.tell(Request.SET_FEATURES, Body.u64(ACKED | Features.LOG_ALL));
            assertThat(link.device.events).containsExactly("log on");
            link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(0), 1,
                link.memory.guestOf(link.rings.get(0).layout().usedRing())));
            link.tell(Request.SET_FEATURES, Body.u64(ACKED | Features.LOG_ALL));
            assertThat(link.device.events).as("said again").containsExactly("log on");
            link.tell(Request.SET_FEATURES, Body.u64(ACKED));
            assertThat(link.device.events).containsExactly("log on", "log off");
            assertThat(link.device.running).as("no ring was stopped").hasSize(2);
            assertThat(link.device.stops).isZero();
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void anotherLogReplacesTheFirst() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory log = SharedMemory.create(0, 4096);
             SharedMemory larger = SharedMemory.create(0, 8192)) {
            link.tell(Request.SET_FEATURES, Body.u64(ACKED | Features.LOG_ALL));
            link.ask(Request.SET_LOG_BASE, Body.u64(4096, 0), log.file());
            link.ask(Request.SET_LOG_BASE, Body.u64(4096, 4096), larger.file());
            assertThat(link.device.events).containsExactly("log on", "log on");
            LogState state = Objects.requireNonNull(link.backEnd.state().log());
            assertThat(state.fileOffset()).isEqualTo(4096);
        }
    }

    @ParameterizedTest
    @CsvSource({"0,0", "-8,0", "4097,0", "8,4096", "8,-8", "9223372036854775807,8", "8,4", "8,9223372036854775800"})
    void aLogThatIsNotInItsFileEndsTheConnection(long bytes, long offset) throws ProtocolException {
        Resources before = Resources.now();
        try (Link link = Link.running(); SharedMemory log = SharedMemory.create(0, 4096)) {
            assertThatThrownBy(() -> link.ask(Request.SET_LOG_BASE, Body.u64(bytes, offset), log.file()))
                .hasMessageStartingWith("memory-refused: log: 0x");
        }
        assertThat(Resources.now()).isEqualTo(before);
    }

    @Test
    void aLogThatIsNoFileIsRefused() throws ProtocolException {
        try (Link link = Link.running()) {
            assertThatThrownBy(() -> link.ask(Request.SET_LOG_BASE, Body.u64(8, 0), link.rings.get(0).kick().fd()))
                .hasMessage("memory-refused: log: its descriptor is no file");
        }
    }

    @Test
    void aUsedRingIsNotLoggedElsewhere() throws ProtocolException {
        try (Link link = Link.running()) {
            assertThatThrownBy(() -> link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(0), 1, 0x1000)))
                .hasMessageContaining("is to be logged at 0x1000");
        }
    }

    @Test
    void aLogThatWasCutShortIsToldFromAnIntactOne() throws ProtocolException {
        try (Link link = Link.running(); SharedMemory log = SharedMemory.create(0, 4096)) {
            link.ask(Request.SET_LOG_BASE, Body.u64(4096, 0), log.file());
            link.backEnd.checkMemory();
            FileIo.truncate(log.file(), 0);
            assertThatThrownBy(link.backEnd::checkMemory).isInstanceOf(ProtocolException.class)
                .hasMessageContaining("memory-truncated");
        }
    }
}
