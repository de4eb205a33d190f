package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.DatapathEncoder;
import dev.baton.handover.sbe.FrontEndPortEncoder;
import dev.baton.handover.sbe.StepEncoder;
import dev.baton.vhostuser.RegionState;
import dev.baton.vhostuser.RingState;
import dev.baton.vhostuser.SessionState;
import java.util.ArrayList;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A section that came whole, and says what cannot be: refused by name, and every descriptor closed. */
@ExtendWith(NoLeaks.class)
class MalformedContentTest {
    private Sample sample;
    private Channels channels;

    @BeforeEach
    void open() throws HandoverException {
        sample = new Sample();
        channels = Channels.agreed(1);
    }

    @AfterEach
    void close() {
        channels.close();
        sample.close();
    }

    private HandoverException failure(DatapathState datapath, List<PortState> ports, List<WireState> wires)
        throws HandoverException {
        DescriptionWriter.write(channels.outgoing, datapath, ports, wires, 1);
        return catchThrowableOfType(HandoverException.class,
            () -> DescriptionReader.read(channels.incoming, Link.TIMEOUT_MS));
    }

    private void refusesDatapath(DatapathState datapath, HandoverError kind, String reason) throws HandoverException {
        says(failure(datapath, List.of(), List.of()), kind, "section datapath: " + reason);
    }

    private void refusesPort(PortState port, HandoverError kind, String sentence) throws HandoverException {
        says(failure(sample.datapath(), List.of(port), List.of()), kind, sentence);
    }

    private void refusesWires(List<WireState> wires, String reason) throws HandoverException {
        says(failure(sample.datapath(), sample.ports(), wires), HandoverError.MALFORMED, "section wires: " + reason);
    }

    private static void says(HandoverException failure, HandoverError kind, String sentence) {
        assertThat(failure).hasMessage(sentence);
        assertThat(failure.kind()).isEqualTo(kind);
    }

    /** The body of a section that the channel would send, changed, with descriptors of its own choice. */
    private HandoverException decoded(Section section, UnsafeBuffer body, List<Fd> descriptors) {
        List<Fd> copies = descriptors.stream().map(Fd::duplicate).toList();
        Received received = new Received(section, 1, body.byteArray(), copies);
        HandoverException failure = catchThrowableOfType(HandoverException.class, () -> {
            switch (section) {
                case DATAPATH -> DatapathCodec.decode(received);
                case FRONT_END -> FrontEndCodec.decode(received);
                case BACK_END -> BackEndCodec.decode(received);
                default -> HandoverMessages.generation(received);
            }
        });
        assertThat(copies).as("descriptors of what was refused").noneMatch(Fd::isOpen);
        return failure;
    }

    private static UnsafeBuffer captured(Link link, Channels.Action action, List<Fd> descriptors)
        throws HandoverException {
        action.run();
        Link.Frame frame = link.hear();
        descriptors.addAll(frame.descriptors());
        return new UnsafeBuffer(frame.body());
    }

    @Test
    void descriptorsOfTheWrongKind() throws HandoverException {
        refusesDatapath(new DatapathState("", 1, 0, List.of(), false, false, sample.socket(), sample.file("c"),
            List.of()), HandoverError.DESCRIPTOR_KIND, "descriptor 0 (baton) is no regular file");
    }

    @Test
    void aCountersFileThatIsNone() throws HandoverException {
        refusesDatapath(new DatapathState("", 1, 0, List.of(), false, false, sample.file("b"), sample.epoll(),
            List.of()), HandoverError.DESCRIPTOR_KIND, "descriptor 1 (counters) is no regular file");
    }

    @Test
    void aKickThatIsNoEventfd() throws HandoverException {
        RingState good = sample.session().rings().getFirst();
        RingState bad = new RingState(256, 0, null, true, true, true, sample.epoll(), good.call(), good.err());
        SessionState session = new SessionState(0, 0, 0, List.of(), null, null, List.of(good, bad), new byte[0],
            List.of());
        refusesPort(sample.frontEnd("vm0", session), HandoverError.DESCRIPTOR_KIND,
            "section front-end vm0: descriptor 5 (kick of ring 1) is no eventfd");
    }

    @Test
    void memoryThatIsNoFile() throws HandoverException {
        SessionState session = new SessionState(0, 0, 0, List.of(new RegionState(0, 1, 0, 0, sample.eventFd())),
            null, null, List.of(), new byte[0], List.of());
        refusesPort(sample.frontEnd("vm0", session), HandoverError.DESCRIPTOR_KIND,
            "section front-end vm0: descriptor 2 (memory region 0) is no regular file");
    }

    @Test
    void aConnectionThatIsNoSocket() throws HandoverException {
        refusesPort(new FrontEndState("vm0", 1, true, "/s", false, true, 1L << 44, false, 0, null, sample.file("x"),
            null),
            HandoverError.DESCRIPTOR_KIND, "section front-end vm0: descriptor 0 (connection) is no socket");
    }

    @Test
    void aSessionWithoutConnection() throws HandoverException {
        refusesPort(new FrontEndState("vm0", 2, true, "/s", false, true, 1L << 44, false, 0, null, null,
            sample.session()),
            HandoverError.MALFORMED, "section front-end vm0: it has a session without a connection");
    }

    @Test
    void aListeningSocketOfWhoDoesNotListen() throws HandoverException {
        refusesPort(new FrontEndState("vm0", 1, true, "/s", false, true, 1L << 44, false, 0, sample.socket(), null,
            null),
            HandoverError.MALFORMED, "section front-end vm0: it does not listen, and has a listening socket");
    }

    @Test
    void moreRingsThanQueuePairsHave() throws HandoverException {
        refusesPort(new FrontEndState("vm0", 1, true, "/s", true, true, 1L << 44, false, 0, null, sample.socket(),
            sample.session()),
            HandoverError.MALFORMED, "section front-end vm0: number of rings is 4, not in 0 to 2");
    }

    @Test
    void aNameThatIsNone() throws HandoverException {
        refusesPort(sample.withoutState("a\nb"), HandoverError.MALFORMED, "section back-end: name is none");
    }

    @Test
    void aNameTooLong() throws HandoverException {
        refusesPort(sample.withoutState("x".repeat(5000)), HandoverError.MALFORMED,
            "section back-end: name has 5000 bytes; 4096 are the most");
    }

    @Test
    void aStateWhoseTransferIsOff() throws HandoverException {
        refusesPort(new BackEndState("up", 1, false, "tap", "", 0,
            new BackendBlob(List.of(new QueuePairBlob(new byte[1], List.of())), new byte[0])),
            HandoverError.MALFORMED, "section back-end up: its backend-transfer is off, and it has a state");
    }

    @Test
    void aStateOfTooFewQueuePairs() throws HandoverException {
        BackEndState two = sample.backEnd("up", 2, 1);
        refusesPort(new BackEndState("up", 3, true, "tap", "", 0, two.state()), HandoverError.MALFORMED,
            "section back-end up: number of queue pairs with a state is 2, not in 3 to 3");
    }

    @Test
    void twoPortsOfOneName() throws HandoverException {
        says(failure(sample.datapath(), List.of(sample.backEnd("a", 1, 1), sample.frontEnd("a", null)), List.of()),
            HandoverError.MALFORMED, "section front-end a: two ports have the name a");
    }

    @Test
    void twoAttachmentsOfOneName() throws HandoverException {
        refusesDatapath(sample.datapath(sample.control(), sample.control()), HandoverError.MALFORMED,
            "two attachments have the name control");
    }

    @Test
    void wiresToNowhere() throws HandoverException {
        refusesWires(List.of(new WireState("vm0", "nobody", List.of(new LaneState(0, 0)))),
            "wire 0 ends at port nobody, which does not exist");
    }

    @Test
    void aPortOfTwoWires() throws HandoverException {
        refusesWires(List.of(new WireState("vm0", "vm1", List.of(new LaneState(0, 0))),
            new WireState("uplink", "vm0", List.of(new LaneState(0, 1)))), "two wires end at port vm0");
    }

    @Test
    void aLaneOfAnAgentThatDoesNotExist() throws HandoverException {
        refusesWires(List.of(new WireState("vm0", "uplink", List.of(new LaneState(2, 0)))),
            "agent of a lane of wire vm0-uplink is 2, not in 0 to 1");
    }

    @Test
    void aLaneRecordOfTwoLanes() throws HandoverException {
        refusesWires(List.of(new WireState("vm0", "uplink", List.of(new LaneState(0, 3), new LaneState(1, 3)))),
            "two lanes have the record 3");
    }

    @Test
    void aDescriptorThatNobodyClaims() throws HandoverException {
        List<Fd> fds = new ArrayList<>();
        UnsafeBuffer body = datapathBody(fds);
        fds.add(sample.file("stowaway").duplicate());
        says(decoded(Section.DATAPATH, body, fds), HandoverError.DESCRIPTOR_COUNT,
            "section datapath: descriptor 3 was never claimed, nor were 0 others");
        fds.forEach(Fd::close);
    }

    @Test
    void aDescriptorClaimedTwice() throws HandoverException {
        List<Fd> fds = new ArrayList<>();
        UnsafeBuffer body = datapathBody(fds);
        body.putInt(BodyWriter.START + DatapathEncoder.countersEncodingOffset(), 0);
        says(decoded(Section.DATAPATH, body, fds), HandoverError.DESCRIPTOR_COUNT,
            "section datapath: descriptor 0 (counters) is claimed for the second time");
        body.putInt(BodyWriter.START + DatapathEncoder.countersEncodingOffset(), 3);
        says(decoded(Section.DATAPATH, body, fds), HandoverError.DESCRIPTOR_COUNT,
            "section datapath: descriptor 3 (counters) is none of the 3 that came");
        fds.forEach(Fd::close);
    }

    private UnsafeBuffer datapathBody(List<Fd> fds) throws HandoverException {
        try (Link link = Link.open()) {
            link.channel.agreeOn(1);
            return captured(link, () -> DatapathCodec.send(link.channel, sample.datapath(sample.control())), fds);
        }
    }

    @Test
    void aFlagThatIsNone() throws HandoverException {
        List<Fd> fds = new ArrayList<>();
        try (Link link = Link.open()) {
            link.channel.agreeOn(1);
            UnsafeBuffer body = captured(link, () -> FrontEndCodec.send(link.channel, sample.frontEnd()), fds);
            body.putByte(BodyWriter.START + FrontEndPortEncoder.listensEncodingOffset(), (byte) 7);
            says(decoded(Section.FRONT_END, body, fds), HandoverError.MALFORMED,
                "section front-end vm0: listens is 7, neither 0 nor 1");
        }
        fds.forEach(Fd::close);
    }

    @Test
    void contentThatGoesBeyondItsEnd() throws HandoverException {
        List<Fd> fds = new ArrayList<>();
        UnsafeBuffer body = datapathBody(fds);
        byte[] cut = new byte[body.capacity() - 3];
        body.getBytes(0, cut);
        assertThat(decoded(Section.DATAPATH, new UnsafeBuffer(cut), fds).kind()).isEqualTo(HandoverError.MALFORMED);
        byte[] longer = new byte[body.capacity() + 2];
        body.getBytes(0, longer, 0, body.capacity());
        says(decoded(Section.DATAPATH, new UnsafeBuffer(longer), fds), HandoverError.MALFORMED,
            "section datapath: 2 bytes are left over");
        fds.forEach(Fd::close);
    }

    @Test
    void anotherMessageThanTheSectionHas() {
        BodyWriter body = new BodyWriter();
        body.begin(StepEncoder.TEMPLATE_ID, 1, StepEncoder.BLOCK_LENGTH);
        says(decoded(Section.DATAPATH, new UnsafeBuffer(body.body(16)), List.of()), HandoverError.MALFORMED,
            "section datapath: its body is message 7 of schema 17217");
        body.begin(StepEncoder.TEMPLATE_ID, 0, StepEncoder.BLOCK_LENGTH);
        says(decoded(Section.END, new UnsafeBuffer(body.body(16)), List.of()), HandoverError.UNKNOWN_VERSION,
            "section end: its body is in schema version 0, its header says 1");
        body.begin(StepEncoder.TEMPLATE_ID, 1, 0);
        says(decoded(Section.END, new UnsafeBuffer(body.body(16)), List.of()), HandoverError.MALFORMED,
            "section end: a block of 0 bytes, not 8");
    }

    @Test
    void aStepOfAnotherGeneration() throws HandoverException {
        HandoverMessages.sendStep(channels.outgoing, Section.PREPARED, 4);
        says(catchThrowableOfType(HandoverException.class,
            () -> HandoverMessages.awaitStep(channels.incoming, Section.PREPARED, 5, Link.TIMEOUT_MS)),
            HandoverError.MALFORMED, "section prepared: it is about generation 4, not 5");
    }

    @Test
    void aNetTapThatIsNone() {
        Fd queue = sample.file("queue");
        byte[] bytes = NetTap.encode(sample.tap(), 1).queuePairs().getFirst().bytes();
        says(netTap(new QueuePairBlob(bytes, List.of())), HandoverError.DESCRIPTOR_COUNT,
            "section back-end up net-tap: a queue has one descriptor, not 0");
        byte[] flag = bytes.clone();
        flag[BodyWriter.START + 1] = 3;
        says(netTap(new QueuePairBlob(flag, List.of(queue))), HandoverError.MALFORMED,
            "section back-end up net-tap: has_ufo is 3, neither 0 nor 1");
        byte[] version = bytes.clone();
        version[6] = 7;
        says(netTap(new QueuePairBlob(version, List.of(queue))), HandoverError.UNKNOWN_VERSION,
            "section back-end up net-tap: it is in schema version 7, and 6 is the newest here");
        says(netTap(new QueuePairBlob(new byte[3], List.of(queue))), HandoverError.MALFORMED,
            "section back-end up net-tap: its content goes beyond its end");
        assertThat(queue.isOpen()).isTrue();
    }

    private static HandoverException netTap(QueuePairBlob blob) {
        return catchThrowableOfType(HandoverException.class, () -> NetTap.decode("up", blob));
    }
}
