package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.PlannedFaults;
import dev.baton.handover.Section;
import dev.baton.vhostuser.ProtocolException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Something goes wrong at every edge of the handover, while two guests send: before the first owner word has changed
 * the old owner goes on with every frame, and the next attempt succeeds; after it the new owner has the datapath.
 */
@Timeout(180)
class HandoverEdgeTest {
    private static final HandoverOptions OPTIONS = HandoverOptions.defaults().withBackendTransfer(true)
        .withRehearsals(10).withTimeoutMs(3_000);
    private static final EnumSet<Edge> AFTER = EnumSet.of(Edge.OUTGOING_RELEASED, Edge.OUTGOING_CONFIRMED,
        Edge.INCOMING_CONFIRM);

    private Datapath owner = Datapath.launch(DatapathConfig.defaults());

    private record Guests(TestGuest a, TestGuest b) implements AutoCloseable {
        @Override
        public void close() {
            a.close();
            b.close();
        }
    }

    /** Two guests wired to each other, and two back ends that have nothing to do. */
    private Guests connect() throws ProtocolException {
        VhostUserPort a = owner.add(VhostUserPortConfig.listen("a", TestSockets.path("a")));
        VhostUserPort b = owner.add(VhostUserPortConfig.listen("b", TestSockets.path("b")));
        LoopbackPort loop = owner.add(LoopbackPortConfig.named("loop"));
        LoopbackPort loop2 = owner.add(LoopbackPortConfig.named("loop2"));
        owner.wire(a, b);
        owner.wire(loop, loop2);
        return new Guests(TestGuest.connect(a.socketPath()), TestGuest.connect(b.socketPath()));
    }

    @AfterEach
    void close() {
        owner.close();
    }

    static Stream<Arguments> failuresBefore() {
        Stream<Arguments> edges = Stream.of(Edge.values()).filter(edge -> !edge.name().startsWith("STANDBY")
            && edge != Edge.OUTGOING_LEAVE && edge != Edge.INCOMING_CLAIMED && !AFTER.contains(edge))
            .map(edge -> Arguments.of(edge.name() + ":REFUSE", edge.name().startsWith("OUTGOING")));
        Stream<Arguments> outgoing = Stream.of(Section.HELLO, Section.DATAPATH, Section.FRONT_END, Section.BACK_END,
            Section.WIRES, Section.END, Section.CLAIM).flatMap(HandoverEdgeTest::messageFaults)
            .map(fault -> Arguments.of(fault, true));
        Stream<Arguments> descriptors = Stream.of(Section.DATAPATH, Section.FRONT_END, Section.BACK_END)
            .flatMap(section -> Stream.of(Fault.DROP_DESCRIPTOR, Fault.WRONG_DESCRIPTOR)
                .map(fault -> Arguments.of(section.name() + ":" + fault, true)));
        Stream<Arguments> incoming = Stream.of(Section.HELLO, Section.PREPARED, Section.CLAIMING)
            .flatMap(HandoverEdgeTest::messageFaults).map(fault -> Arguments.of(fault, false));
        return Stream.of(edges, outgoing, descriptors, incoming).flatMap(all -> all);
    }

    private static Stream<String> messageFaults(Section section) {
        // Before the first section there is none to replay.
        return Stream.of(Fault.TRUNCATE, Fault.CORRUPT, Fault.UNKNOWN_VERSION, Fault.REPLAY, Fault.CLOSE)
            .filter(fault -> fault != Fault.REPLAY || section != Section.HELLO)
            .map(fault -> section.name() + ":" + fault);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("failuresBefore")
    void beforeTheSwitchTheOldOwnerGoesOn(String plan, boolean atTheOldOwner) throws Exception {
        try (Guests guests = connect(); GuestTraffic traffic = new GuestTraffic(guests.a, guests.b)) {
            failsAndGoesOn(plan, atTheOldOwner, traffic);
            owner = HandoverPair.attempt(owner, OPTIONS, OPTIONS).datapath();
            traffic.awaitProgress();
            traffic.finish();
        }
    }

    private void failsAndGoesOn(String plan, boolean atTheOldOwner, GuestTraffic traffic) throws IOException {
        HandoverFaults faults = PlannedFaults.parse(plan);
        traffic.awaitProgress();
        long descriptors = descriptors();
        HandoverPair failed = HandoverPair.attempt(owner, atTheOldOwner ? OPTIONS.withFaults(faults) : OPTIONS,
            atTheOldOwner ? OPTIONS : OPTIONS.withFaults(faults));
        assertThat(failed.takeover()).as("%s", failed).isNull();
        assertThat(failed.incoming()).as("the new owner's failure").isNotNull().hasMessageStartingWith("section ");
        assertThat(failed.outgoing()).as("the old owner's failure").isNotNull().hasMessageStartingWith("section ");
        traffic.awaitProgress();
        assertThat(descriptors()).as("descriptors").isEqualTo(descriptors);
    }

    static Stream<Arguments> failuresAfter() {
        return Stream.concat(AFTER.stream().map(edge -> Arguments.of(edge.name() + ":REFUSE",
            edge.name().startsWith("OUTGOING"))), Stream.of(Arguments.of("SWITCHED:CORRUPT", true),
            Arguments.of("CONFIRMED:CORRUPT", false), Arguments.of("CONFIRMED:CLOSE", false)));
    }

    /** The lanes are gone: whatever is still said, the new owner has them, and the old one has nothing. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("failuresAfter")
    void afterTheSwitchTheNewOwnerHasIt(String plan, boolean atTheOldOwner) throws Exception {
        HandoverFaults faults = PlannedFaults.parse(plan);
        try (Guests guests = connect(); GuestTraffic traffic = new GuestTraffic(guests.a, guests.b)) {
            traffic.awaitProgress();
            HandoverPair pair = HandoverPair.attempt(owner, atTheOldOwner ? OPTIONS.withFaults(faults) : OPTIONS,
                atTheOldOwner ? OPTIONS : OPTIONS.withFaults(faults));
            assertThat(pair.outgoing()).isNull();
            owner = pair.datapath();
            traffic.awaitProgress();
            traffic.finish();
        }
    }

    /** Of the kinds that a datapath opens. */
    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.map(HandoverEdgeTest::target).filter(target -> Stream.of("socket:", "/memfd:",
                "anon_inode:[event").anyMatch(target::startsWith)).count();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) { // closed meanwhile
            return "";
        }
    }
}
