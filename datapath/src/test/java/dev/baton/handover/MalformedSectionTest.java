package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A section that is wrong before anybody looks into it: refused by name, and nothing is left of it. */
@ExtendWith(NoLeaks.class)
class MalformedSectionTest {
    private Sample sample;
    private Link link;
    private Link.Frame good;

    @BeforeEach
    void open() throws HandoverException {
        sample = new Sample();
        link = Link.open();
        link.channel.agreeOn(1);
        DatapathCodec.send(link.channel, sample.datapath(sample.control()));
        good = link.hear();
    }

    @AfterEach
    void close() {
        good.descriptors().forEach(fd -> fd.close());
        link.close();
        sample.close();
    }

    private HandoverException failure(Link.Frame frame) {
        link.say(frame);
        return failure();
    }

    private HandoverException failure() {
        return catchThrowableOfType(HandoverException.class,
            () -> DescriptionReader.read(link.channel, Link.TIMEOUT_MS));
    }

    private Link.Frame forged(UnaryOperator<SectionHeader> forge) {
        return good.withHeader(forge.apply(good.header()));
    }

    private static void says(HandoverException failure, HandoverError kind, String sentence) {
        assertThat(failure).hasMessage(sentence);
        assertThat(failure.kind()).isEqualTo(kind);
        assertThat(failure.getMessage()).isEqualTo("section " + failure.section() + ": " + failure.reason());
    }

    @Test
    void theUnforgedOneIsTaken() throws HandoverException {
        link.say(good);
        Received received = link.channel.receive(Link.TIMEOUT_MS, Section.DATAPATH);
        Description.descriptors(DatapathCodec.decode(received)).forEach(fd -> fd.close());
    }

    @Test
    void noSection() {
        byte[] bytes = good.bytes();
        bytes[0]++;
        link.say(bytes, good.descriptors());
        says(failure(), HandoverError.BAD_MAGIC, "section datapath: what came is no section");
        says(failure(), HandoverError.CLOSED, "section datapath: the channel failed before");
    }

    @Test
    void unknownSection() {
        says(failure(forged(h -> new SectionHeader(99, 1, 0, h.bodyBytes(), h.descriptors(), 0, 1))),
            HandoverError.UNKNOWN_SECTION, "section 99: there is no section with this code");
    }

    @Test
    void unknownVersion() {
        says(failure(forged(h -> new SectionHeader(3, 2, 0, h.bodyBytes(), h.descriptors(), 0, 1))),
            HandoverError.UNKNOWN_VERSION, "section datapath: it is in schema version 2, and 1 was agreed upon");
    }

    @Test
    void undefinedFlags() {
        says(failure(forged(h -> new SectionHeader(3, 1, 4, h.bodyBytes(), h.descriptors(), 0, 1))),
            HandoverError.MALFORMED, "section datapath: flags 0x4 are not defined");
    }

    @Test
    void aBodyLargerThanAnyMayBe() {
        says(failure(forged(h -> new SectionHeader(3, 1, 0, -1, h.descriptors(), 0, 1))), HandoverError.TOO_LARGE,
            "section datapath: a body of 4294967295 bytes; 16777216 are the most");
    }

    @Test
    void moreDescriptorsThanMayBe() {
        says(failure(forged(h -> new SectionHeader(3, 1, 0, h.bodyBytes(), 5000, 0, 1))),
            HandoverError.DESCRIPTOR_COUNT, "section datapath: 5000 descriptors are announced; 4096 are the most");
    }

    @Test
    void fewerDescriptorsThanAnnounced() {
        link.say(good.bytes(), good.descriptors().subList(0, 1));
        says(failure(), HandoverError.DESCRIPTOR_COUNT,
            "section datapath: 1 descriptors came with it, and 3 were announced");
    }

    @Test
    void moreDescriptorsThanAnnounced() {
        Link.Frame fewer = forged(h -> new SectionHeader(3, 1, 0, h.bodyBytes(), 2, 0, 1));
        says(failure(fewer), HandoverError.DESCRIPTOR_COUNT,
            "section datapath: more descriptors came with it than 2");
    }

    @Test
    void aChangedByte() {
        byte[] bytes = good.bytes();
        bytes[bytes.length - 1]++;
        link.say(bytes, good.descriptors());
        says(failure(), HandoverError.CORRUPT, "section datapath: its checksum is wrong");
    }

    @Test
    void aReplayedSection() throws HandoverException {
        link.say(good);
        link.channel.receive(Link.TIMEOUT_MS, Section.DATAPATH).close();
        says(failure(good), HandoverError.OUT_OF_SEQUENCE,
            "section datapath: it has sequence number 1, and 2 is due");
    }

    @Test
    void aSectionAfterOneThatIsMissing() {
        says(failure(good.withSequence(2)), HandoverError.OUT_OF_SEQUENCE,
            "section datapath: it has sequence number 2, and 1 is due");
    }

    @Test
    void aSectionWhoseTurnItIsNot() throws HandoverException {
        WiresCodec.send(link.channel, List.of());
        says(failure(link.hear().withSequence(1)), HandoverError.UNEXPECTED_SECTION,
            "section wires: it is not its turn: datapath is due");
        assertThat(catchThrowableOfType(HandoverException.class, () -> {
            link.say(good.withSequence(2));
            DescriptionReader.read(link.channel, 20);
        })).as("the stream goes on").hasMessage("section front-end: the peer was silent past the timeout");
    }

    @Test
    void everyCutIsNamed() throws HandoverException {
        link.close();
        byte[] bytes = good.bytes();
        for (int length = 1; length < bytes.length; length++) {
            try (Link cut = Link.open()) {
                cut.channel.agreeOn(1);
                cut.say(Arrays.copyOf(bytes, length), good.descriptors());
                cut.peer.close();
                says(catchThrowableOfType(HandoverException.class,
                    () -> DescriptionReader.read(cut.channel, Link.TIMEOUT_MS)), HandoverError.TRUNCATED,
                    "section datapath: the peer closed the channel after " + length + " bytes of it");
            }
        }
    }

    @Test
    void aPeerThatStopsInTheMiddle() {
        link.say(Arrays.copyOf(good.bytes(), 40), good.descriptors());
        HandoverException failure = catchThrowableOfType(HandoverException.class,
            () -> DescriptionReader.read(link.channel, 20));
        says(failure, HandoverError.TIMEOUT,
            "section datapath: the peer was silent past the timeout, after 40 bytes of it");
    }
}
