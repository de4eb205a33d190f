package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.handover.Edge;
import dev.baton.handover.Fault;
import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.PlannedFaults;
import dev.baton.handover.Section;
import dev.baton.vhostuser.ProtocolException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever goes wrong before the first owner word has changed: both sides say what and where, the old owner goes on on
 * every kind of wire, no descriptor is left, the kernel's TAP is as it was, and the next handover succeeds.
 *
 * <p>One world for all of them: what one failure had broken the next one would meet.
 */
@Timeout(180)
class HandoverFaultTest {
    private static final Set<Edge> NOT_PASSED = EnumSet.of(Edge.OUTGOING_RELEASED, Edge.OUTGOING_CONFIRMED,
        Edge.OUTGOING_LEAVE, Edge.INCOMING_CLAIMED, Edge.INCOMING_CONFIRM, Edge.STANDBY_CHANGE, Edge.STANDBY_TOLD,
        Edge.STANDBY_ATTACH, Edge.STANDBY_READY, Edge.STANDBY_FENCE, Edge.STANDBY_CLAIM);
    private static final Set<Section> WITH_DESCRIPTORS =
        EnumSet.of(Section.DATAPATH, Section.FRONT_END, Section.BACK_END);
    private static final HandoverOptions IMPATIENT = HandoverWorld.OPTIONS.withTimeoutMs(700);

    private static HandoverWorld world;

    @BeforeAll
    static void open() throws ProtocolException {
        world = new HandoverWorld();
        world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
    }

    @AfterAll
    static void close() {
        if (world != null) {
            try (HandoverWorld ended = world) {
                ended.finish();
            }
        }
    }

    /** Edges at which a step is refused, by name. */
    static List<Edge> edges() {
        return EnumSet.complementOf(EnumSet.copyOf(NOT_PASSED)).stream().toList();
    }

    @ParameterizedTest
    @MethodSource("edges")
    void aStepThatIsRefused(Edge edge) {
        HandoverFaults faults = PlannedFaults.at(edge, Fault.REFUSE);
        boolean outgoing = edge.name().startsWith("OUTGOING");
        Failures failures = fail(outgoing, HandoverWorld.OPTIONS, faults);
        assertThat(failures.own().kind()).isEqualTo(HandoverError.INJECTED);
        assertThat(failures.own().section()).isEqualTo(label(edge));
        assertTold(failures);
    }

    private static String label(Edge edge) {
        return edge.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** A section and what happens to it. */
    record Suffering(Section section, Fault fault) {
        boolean outgoing() {
            return section != Section.PREPARED && section != Section.CLAIMING;
        }
    }

    static List<Suffering> sections() {
        List<Suffering> all = new ArrayList<>();
        for (Section section : List.of(Section.HELLO, Section.DATAPATH, Section.FRONT_END, Section.BACK_END,
            Section.WIRES, Section.END, Section.PREPARED, Section.CLAIM, Section.CLAIMING)) {
            for (Fault fault : Fault.values()) {
                boolean ofDescriptors = fault == Fault.DROP_DESCRIPTOR || fault == Fault.WRONG_DESCRIPTOR;
                // There is no section before HELLO that it could repeat.
                boolean first = section == Section.HELLO && fault == Fault.REPLAY;
                if (fault.ofMessage() && !first && (!ofDescriptors || WITH_DESCRIPTORS.contains(section))) {
                    all.add(new Suffering(section, fault));
                }
            }
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("sections")
    void aSectionThatSuffers(Suffering suffering) {
        assertSuffers(suffering, suffering.outgoing());
    }

    static List<Suffering> greetings() {
        return sections().stream().filter(suffering -> suffering.section() == Section.HELLO).toList();
    }

    /** The one section that both sides send. */
    @ParameterizedTest
    @MethodSource("greetings")
    void aGreetingOfTheNewOwnerThatSuffers(Suffering suffering) {
        assertSuffers(suffering, false);
    }

    private static void assertSuffers(Suffering suffering, boolean outgoing) {
        Failures failures = fail(outgoing, suffering.fault() == Fault.SILENCE ? IMPATIENT : HandoverWorld.OPTIONS,
            PlannedFaults.on(suffering.section(), suffering.fault()));
        HandoverException told = failures.peers();
        switch (suffering.fault()) {
            // Who is about to send when the channel closes sees no more than that.
            case TRUNCATE -> assertThat(told.kind()).isIn(HandoverError.TRUNCATED, HandoverError.PEER_GONE);
            case CLOSE -> assertThat(told.kind()).isEqualTo(HandoverError.PEER_GONE);
            case SILENCE -> assertThat(told.kind()).isIn(HandoverError.TIMEOUT, HandoverError.OUT_OF_SEQUENCE);
            default -> {
                assertThat(told.kind()).isEqualTo(kindOf(suffering.fault()));
                assertThat(told.section()).startsWith(suffering.section().label());
                assertTold(failures);
            }
        }
    }

    private static HandoverError kindOf(Fault fault) {
        return switch (fault) {
            case CORRUPT -> HandoverError.CORRUPT;
            case DROP_DESCRIPTOR -> HandoverError.DESCRIPTOR_COUNT;
            case WRONG_DESCRIPTOR -> HandoverError.DESCRIPTOR_KIND;
            case UNKNOWN_VERSION -> HandoverError.UNKNOWN_VERSION;
            case REPLAY -> HandoverError.OUT_OF_SEQUENCE;
            default -> throw new IllegalArgumentException(fault + " has no kind of its own");
        };
    }

    /** What the two sides said. */
    record Failures(HandoverException own, HandoverException peers) {
    }

    /** A handover that fails by a fault on one side, and one that does not; both are looked at from outside. */
    private static Failures fail(boolean outgoing, HandoverOptions options, HandoverFaults faults) {
        world.awaitProgress();
        TapKernelState kernel = world.tap();
        Map<String, Long> descriptors = OpenDescriptors.byKind();
        OwnerPair pair = OwnerPair.start(world.owner(), outgoing ? options.withFaults(faults) : options,
            outgoing ? options : options.withFaults(faults));
        HandoverException old = OwnerPair.failure(pair.outgoing());
        HandoverException fresh = OwnerPair.failure(pair.incoming());
        assertThat(List.of(old, fresh)).allSatisfy(said -> {
            assertThat(said).hasMessageStartingWith("section " + said.section() + ": ");
            assertThat(said.reason()).isNotBlank();
        });
        assertThat(OpenDescriptors.byKind()).as("descriptors, after %s", old).isEqualTo(descriptors);
        assertThat(world.tap()).as("the kernel's TAP").isEqualTo(kernel);
        world.awaitProgress();

        Takeover next = world.handOver(HandoverWorld.OPTIONS, HandoverWorld.OPTIONS);
        assertThat(next.report().carried()).isEqualTo(HandoverWorld.ALL);
        assertThat(OpenDescriptors.byKind()).as("descriptors, after the next one").isEqualTo(descriptors);
        assertThat(world.tap()).isEqualTo(kernel);
        return outgoing ? new Failures(old, fresh) : new Failures(fresh, old);
    }

    /** Each side says what the other one said, and where. */
    private static void assertTold(Failures failures) {
        HandoverException first = failures.own().kind() == HandoverError.REFUSED ? failures.peers() : failures.own();
        HandoverException second = first == failures.own() ? failures.peers() : failures.own();
        assertThat(second.kind()).isEqualTo(HandoverError.REFUSED);
        assertThat(second).hasMessage("section " + first.section() + ": refused by the peer: " + first.reason());
    }
}
