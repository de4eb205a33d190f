package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Planned faults happen where they were planned, once, and the peer names the section that they hit. */
@ExtendWith(NoLeaks.class)
class FaultTest {
    private static final List<String> SECTIONS = List.of("datapath", "front-end", "back-end", "wires", "end");

    @ParameterizedTest
    @CsvSource({"TRUNCATE,TRUNCATED", "CORRUPT,CORRUPT", "UNKNOWN_VERSION,UNKNOWN_VERSION",
        "CLOSE,PEER_GONE", "SILENCE,TIMEOUT"})
    void everySectionCanBeHit(Fault fault, HandoverError kind) throws HandoverException {
        for (String section : SECTIONS) {
            // One that is swallowed is missed when the next one comes, if one comes.
            boolean last = section.equals("end");
            boolean missed = fault == Fault.SILENCE && !last;
            HandoverException failure =
                failure(section + ":" + fault, fault == Fault.SILENCE && last ? 200 : Link.TIMEOUT_MS);
            assertThat(failure.kind()).as(failure.getMessage())
                .isEqualTo(missed ? HandoverError.OUT_OF_SEQUENCE : kind);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "datapath:drop-descriptor | section datapath: 2 descriptors came with it, and 3 were announced",
        "datapath:wrong-descriptor | section datapath: descriptor 0 (baton) is no regular file",
        "front-end:wrong-descriptor | section front-end vm0: descriptor 0 (listening socket) is no socket",
        "back-end:drop_descriptor | section back-end: 1 descriptors came with it, and 2 were announced",
        "wires:replay | section wires: it has sequence number 3, and 4 is due",
        "outgoing-wires:corrupt | section wires: its checksum is wrong",
        "outgoing-port:close | section front-end: the peer closed the channel"})
    void theReceiverNamesIt(String plan, String sentence) throws HandoverException {
        assertThat(failure(plan, Link.TIMEOUT_MS)).hasMessage(sentence);
    }

    private static HandoverException failure(String plan, long timeoutMs) throws HandoverException {
        try (Sample sample = new Sample(); Channels channels = Channels.agreed(1, PlannedFaults.parse(plan))) {
            DatapathState datapath = sample.datapath(sample.control());
            List<PortState> ports = List.of(sample.frontEnd("vm0", null), sample.backEnd("uplink", 2, 1));
            CompletableFuture<Void> sender = Channels.beside(() -> DescriptionWriter.write(channels.outgoing, datapath,
                ports, List.of(), 1));
            HandoverException failure = catchThrowableOfType(HandoverException.class,
                () -> DescriptionReader.read(channels.incoming, timeoutMs));
            channels.incoming.close();
            sender.exceptionally(closed -> null).join();
            return failure;
        }
    }

    @ParameterizedTest
    @EnumSource(Edge.class)
    void everyEdgeCanRefuse(Edge edge) throws HandoverException {
        HandoverFaults faults = PlannedFaults.parse(edge.name() + ":REFUSE");
        HandoverException failure = catchThrowableOfType(HandoverException.class, () -> faults.at(edge));
        assertThat(failure).hasMessage("section " + edge.name().toLowerCase(Locale.ROOT).replace('_', '-')
            + ": refused by a planned fault");
        assertThat(failure.kind()).isEqualTo(HandoverError.INJECTED);
        faults.at(edge); // once
    }

    @Test
    void aStoppedStepEndsWithItsThread() throws HandoverException {
        HandoverFaults faults = PlannedFaults.at(Edge.INCOMING_WARM, Fault.STOP);
        Thread.currentThread().interrupt();
        faults.at(Edge.INCOMING_WARM);
        assertThat(Thread.interrupted()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " "})
    void nothingPlanned(String text) {
        assertThat(PlannedFaults.parse(text)).isSameAs(HandoverFaults.NONE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"outgoing-claim", "nowhere:KILL", "OUTGOING_CLAIM:explode", "a:b:c", "datapath:"})
    void whatIsNoPlanIsSaid(String text) {
        assertThatThrownBy(() -> PlannedFaults.parse(text)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("expected PLACE:FAULT[,PLACE:FAULT...]");
    }
}
