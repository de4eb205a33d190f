package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is sent is what arrives, descriptors included. */
@ExtendWith(NoLeaks.class)
class RoundTripTest {
    private static final int MANY = 600;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void aDescriptionArrivesWhole(int schemaVersion) throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(schemaVersion)) {
            Description sent = sample.description();
            Sample.send(channels.outgoing, sent);
            try (Description received = DescriptionReader.read(channels.incoming, Link.TIMEOUT_MS)) {
                assertThat(Identity.of(received)).isEqualTo(Identity.of(sent));
                assertThat(received.descriptors()).hasSameSizeAs(sent.descriptors()).allMatch(Fd::isOpen);
            }
            assertThat(sent.descriptors()).as("the sender's own").allMatch(Fd::isOpen);
        }
    }

    @Test
    void theLogOfAMigrationArrives() throws HandoverException {
        try (Sample sample = new Sample()) {
            arrives(2, sample.frontEnd("vm0", sample.migratingSession()));
            arrives(3, sample.frontEnd("vm0", sample.migratingSession()));
        }
    }

    @Test
    void theInflightRegionArrives() throws HandoverException {
        try (Sample sample = new Sample()) {
            arrives(3, sample.frontEnd("vm0", sample.trackedSession()));
        }
    }

    @Test
    void theLimitForMemoryArrives() throws HandoverException {
        try (Sample sample = new Sample()) {
            arrives(4, sample.limitedFrontEnd(1L << 30));
            arrives(4, sample.frontEnd("vm0", sample.trackedSession()));
        }
    }

    @Test
    void coalescingArrives() throws HandoverException {
        try (Sample sample = new Sample()) {
            arrives(5, sample.coalescing());
            arrives(5, sample.limitedFrontEnd(1L << 30));
        }
    }

    private static void arrives(int schemaVersion, FrontEndState sent) throws HandoverException {
        try (Channels channels = Channels.agreed(schemaVersion)) {
            FrontEndCodec.send(channels.outgoing, sent);
            FrontEndState received = FrontEndCodec.decode(channels.incoming.receive(Link.TIMEOUT_MS,
                Section.FRONT_END));
            assertThat(Identity.of(List.of(received))).isEqualTo(Identity.of(List.of(sent)));
            Description.descriptors(received).forEach(Fd::close);
        }
    }

    /** An owner that would not note what it writes must not have the guest while it migrates. */
    @Test
    void anOlderOwnerDoesNotGetAGuestThatMigrates() throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(1)) {
            FrontEndState sent = sample.frontEnd("vm0", sample.migratingSession());
            assertThatThrownBy(() -> FrontEndCodec.send(channels.outgoing, sent))
                .hasMessage("section front-end vm0: its guest migrates, "
                    + "which the peer's schema version 1 has no words for");
        }
    }

    /** An owner that would leave the region as it is would have the next back end begin in the wrong place. */
    @Test
    void anOlderOwnerDoesNotGetAFrontEndThatKeepsAnInflightRegion() throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(2)) {
            FrontEndState sent = sample.frontEnd("vm0", sample.trackedSession());
            assertThatThrownBy(() -> FrontEndCodec.send(channels.outgoing, sent))
                .hasMessage("section front-end vm0: its front-end keeps an inflight region, "
                    + "which the peer's schema version 2 has no words for");
        }
    }

    /** An owner that would let the front end have more than the operator does. */
    @Test
    void anOlderOwnerDoesNotGetAPortWithALimitForMemory() throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(3)) {
            FrontEndState sent = sample.limitedFrontEnd(1L << 30);
            assertThatThrownBy(() -> FrontEndCodec.send(channels.outgoing, sent))
                .hasMessage("section front-end vm0: its memory is limited to 1073741824 bytes, "
                    + "which the peer's schema version 3 has no words for");
        }
    }

    /** An owner that would leave the operator's option behind, and its successors with it. */
    @Test
    void anOlderOwnerDoesNotGetAPortThatCoalesces() throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(4)) {
            FrontEndState sent = sample.coalescing();
            assertThatThrownBy(() -> FrontEndCodec.send(channels.outgoing, sent))
                .hasMessage("section front-end vm2: it coalesces, which the peer's schema version 4 has no words for");
        }
    }

    @Test
    void moreDescriptorsThanAMessageTakes() throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(1)) {
            BackEndState sent = sample.backEnd("uplink", MANY, 1);
            DatapathState datapath = sample.datapath();
            CompletableFuture<Void> sender = Channels.beside(() -> DescriptionWriter.write(channels.outgoing, datapath,
                List.of(sent), List.of(), 1));
            try (Description received = DescriptionReader.read(channels.incoming, Link.TIMEOUT_MS)) {
                assertThat(received.descriptors()).hasSize(MANY + 2);
                assertThat(Identity.of(received.ports())).isEqualTo(Identity.of(List.of(sent)));
            }
            sender.join();
        }
    }

    @Test
    void aLargeSectionIsReadWhileItIsSent() throws HandoverException {
        try (Channels channels = Channels.agreed(1)) {
            List<LaneConfirmation> lanes = new ArrayList<>();
            for (int i = 0; i < 50_000; i++) {
                lanes.add(new LaneConfirmation(i, 100L + i, -i, i));
            }
            CompletableFuture<Void> sender =
                Channels.beside(() -> HandoverMessages.sendConfirmed(channels.outgoing, 4, lanes));
            assertThat(HandoverMessages.awaitConfirmed(channels.incoming, 4, Link.TIMEOUT_MS)).isEqualTo(lanes);
            sender.join();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"END", "PREPARED", "CLAIM", "CLAIMING", "SWITCHED", "STANDBY", "MOVED"})
    void aStepTellsItsGeneration(String step) throws HandoverException {
        Section section = Section.valueOf(step);
        try (Channels channels = Channels.agreed(1)) {
            HandoverMessages.sendStep(channels.incoming, section, Long.MAX_VALUE);
            HandoverMessages.sendStep(channels.incoming, section, 7);
            assertThat(HandoverMessages.awaitStep(channels.outgoing, section, Link.TIMEOUT_MS))
                .isEqualTo(Long.MAX_VALUE);
            HandoverMessages.awaitStep(channels.outgoing, section, 7, Link.TIMEOUT_MS);
        }
    }

    @Test
    void aDescriptionFollowsAnother() throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(1)) {
            Description sent = sample.description();
            Sample.send(channels.outgoing, sent);
            DescriptionReader.read(channels.incoming, Link.TIMEOUT_MS).close();
            Sample.send(channels.outgoing, sent);
            Received first = channels.incoming.receive(Link.TIMEOUT_MS, Section.CLAIM, Section.DATAPATH);
            try (Description again = DescriptionReader.readAfter(first, channels.incoming, Link.TIMEOUT_MS)) {
                assertThat(Identity.of(again)).isEqualTo(Identity.of(sent));
            }
        }
    }
}
