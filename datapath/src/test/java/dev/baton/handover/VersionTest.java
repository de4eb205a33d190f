package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.baton.handover.Hello.Purpose;
import dev.baton.handover.sbe.NetTapDecoder;
import dev.baton.tap.TapQueueState;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An older and a newer owner understand each other, in both directions. */
@ExtendWith(NoLeaks.class)
class VersionTest {
    private static final Hello HELLO = Hello.of(Purpose.TAKEOVER, true, "", "test");

    @ParameterizedTest
    @CsvSource({"0,1,0", "1,0,0", "0,0,0", "1,1,1", "2,1,1", "2,2,2", "3,2,2", "3,3,3", "4,3,3", "4,4,4", "5,4,4",
        "5,7,5", "6,5,5", "7,6,6"})
    void twoOwnersSpeakTheNewestThatBothKnow(int outgoing, int incoming, int expected) throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.open()) {
            CompletableFuture<Void> peer = Channels.beside(
                () -> HELLO.withMaxSchemaVersion(incoming).exchange(channels.incoming, Link.TIMEOUT_MS));
            Hello heard = HELLO.withMaxSchemaVersion(outgoing).exchange(channels.outgoing, Link.TIMEOUT_MS);
            peer.join();
            assertThat(heard).isEqualTo(HELLO.withMaxSchemaVersion(incoming));
            assertThat(channels.outgoing.schemaVersion()).isEqualTo(expected);
            assertThat(channels.incoming.schemaVersion()).isEqualTo(expected);

            BackEndState back = new BackEndState("uplink", 2, true, NetTap.KIND, "", 0,
                NetTap.encode(sample.tap(), channels.outgoing.schemaVersion()));
            DescriptionWriter.write(channels.outgoing, sample.datapathIn(0xF000_0000L),
                List.of(sample.frontEnd(), back), List.of(), 1);
            try (Description received = DescriptionReader.read(channels.incoming, Link.TIMEOUT_MS)) {
                BackEndState port = (BackEndState) received.ports().getLast();
                BackendBlob state = Objects.requireNonNull(port.state());
                List<TapQueueState> queues = NetTap.decode("uplink", state).queues();
                assertThat(queues).extracting(TapQueueState::hasTunnel).containsOnly(expected >= 1);
                assertThat(queues).extracting(TapQueueState::enabled).containsExactly(true, false);
                assertThat(received.datapath().pidNamespace()).isEqualTo(expected >= 6 ? 0xF000_0000L : 0);
            }
        }
    }

    @Test
    void allSevenFieldsOfNetTapTravel() throws HandoverException {
        try (Sample sample = new Sample()) {
            assertThat(NetTap.decode("uplink", NetTap.encode(sample.tap(), 1)).toString())
                .contains("hasUfo=true, hasUso=false, hasTunnel=true, enabled=true, hostVnetHdrLen=12")
                .contains("hasUfo=false, hasUso=true, hasTunnel=true, enabled=false, hostVnetHdrLen=12")
                .contains("usingVnetHdr=true").contains("probedOffloads=127, offloads=29");
        }
    }

    @Test
    void aReaderOfVersion0ReadsWhatWasWrittenForIt() {
        try (Sample sample = new Sample()) {
            TapQueueState queue = sample.tap().queues().getFirst();
            byte[] bytes = NetTap.encode(queue, 0).bytes();
            int block = NetTapDecoder.hasTunnelEncodingOffset();
            assertThat(bytes).as("nothing of version 1 is there").hasSize(BodyWriter.START + block);
            NetTapDecoder older = new NetTapDecoder().wrap(new UnsafeBuffer(bytes), BodyWriter.START, block, 0);
            assertThat(older.hasUfoRaw()).isEqualTo((short) 1);
            assertThat(older.hostVnetHdrLen()).isEqualTo(12);
            assertThat(older.hasTunnelRaw()).isEqualTo((short) 255);
        }
    }

    @Test
    void theBlockOfVersion0IsTheBeginningOfThatOfVersion1() {
        try (Sample sample = new Sample()) {
            TapQueueState queue = sample.tap().queues().getFirst();
            byte[] older = NetTap.encode(queue, 0).bytes();
            byte[] newer = NetTap.encode(queue, 1).bytes();
            int block = NetTapDecoder.hasTunnelEncodingOffset();
            assertThat(newer).hasSizeGreaterThan(older.length);
            assertThat(new UnsafeBuffer(newer, BodyWriter.START, block))
                .isEqualTo(new UnsafeBuffer(older, BodyWriter.START, block));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"protocol version 9 of the peer, 1 here", "schema versions 7 to 8 of the peer, 0 to 6 here",
        "purpose is STANDBY at the peer, TAKEOVER here", "backend-transfer is off at the peer, on here",
        "compatibility profile is \"0.1\" at the peer, \"\" here"})
    void whoDoesNotGoTogetherIsToldWhy(String sentence) throws HandoverException {
        Hello other = switch (sentence.charAt(0) + "" + sentence.charAt(1)) {
            case "pr" -> new Hello(9, 0, 1, Purpose.TAKEOVER, true, "", 1, "");
            case "sc" -> new Hello(1, 7, 8, Purpose.TAKEOVER, true, "", 1, "");
            case "pu" -> new Hello(1, 0, 1, Purpose.STANDBY, true, "", 1, "");
            case "ba" -> new Hello(1, 0, 1, Purpose.TAKEOVER, false, "", 1, "");
            default -> new Hello(1, 0, 1, Purpose.TAKEOVER, true, "0.1", 1, "");
        };
        try (Channels channels = Channels.open()) {
            other.send(channels.incoming);
            HandoverException refused = catchThrowableOfType(HandoverException.class,
                () -> HELLO.exchange(channels.outgoing, Link.TIMEOUT_MS));
            assertThat(refused).hasMessage("section hello: " + sentence);
            Hello.receive(channels.incoming, Link.TIMEOUT_MS);
            HandoverException told = catchThrowableOfType(HandoverException.class,
                () -> channels.incoming.receive(Link.TIMEOUT_MS, Section.DATAPATH));
            assertThat(told).hasMessage("section hello: refused by the peer: " + sentence);
            assertThat(told.kind()).isEqualTo(HandoverError.REFUSED);
        }
    }
}
