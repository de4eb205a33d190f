package dev.baton.handover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Whatever bytes come: they are taken, or refused by an exception that says why. Never anything else. */
@ExtendWith(NoLeaks.class)
class FuzzTest {
    private static final long SEED = 20261125;
    private static final int BODIES = 12_000;
    private static final int STREAMS = 1_500;

    private final Random random = new Random(SEED);

    @Test
    void bodies() throws HandoverException {
        try (Sample sample = new Sample()) {
            List<Link.Frame> frames = frames(sample);
            int refused = 0;
            for (int i = 0; i < BODIES; i++) {
                Link.Frame frame = frames.get(i % frames.size());
                List<Fd> copies = frame.descriptors().stream().map(Fd::duplicate).toList();
                try {
                    decode(new Received(sectionOf(frame), 1, mutated(frame.body()), copies));
                } catch (HandoverException e) {
                    assertThat(e.getMessage()).startsWith("section " + sectionOf(frame).label());
                    assertThat(copies).as(e.getMessage()).noneMatch(Fd::isOpen);
                    refused++;
                }
                copies.forEach(Fd::close);
            }
            assertThat(refused).isGreaterThan(BODIES / 4);
            frames.forEach(frame -> frame.descriptors().forEach(Fd::close));
        }
    }

    @Test
    void streams() throws HandoverException {
        try (Sample sample = new Sample()) {
            List<Link.Frame> frames = frames(sample);
            for (int i = 0; i < STREAMS; i++) {
                try (Link link = Link.open()) {
                    link.channel.agreeOn(1);
                    for (Link.Frame frame : frames) {
                        boolean hit = random.nextInt(frames.size()) == 0;
                        link.say(hit ? mutated(frame.bytes()) : frame.bytes(), frame.descriptors());
                    }
                    link.peer.close();
                    DescriptionReader.read(link.channel, Link.TIMEOUT_MS).close();
                } catch (HandoverException e) {
                    assertThat(e.getMessage()).startsWith("section ");
                }
            }
            frames.forEach(frame -> frame.descriptors().forEach(Fd::close));
        }
    }

    private static List<Link.Frame> frames(Sample sample) throws HandoverException {
        try (Link link = Link.open()) {
            link.channel.agreeOn(1);
            Description description = sample.description();
            Sample.send(link.channel, description);
            List<Link.Frame> frames = new ArrayList<>();
            for (int i = 0; i < description.ports().size() + 3; i++) {
                frames.add(link.hear());
            }
            return frames;
        }
    }

    private static Section sectionOf(Link.Frame frame) {
        Section section = Section.of(frame.header().code());
        return Objects.requireNonNull(section);
    }

    private static void decode(Received received) throws HandoverException {
        switch (received.section()) {
            case DATAPATH -> DatapathCodec.decode(received);
            case FRONT_END -> FrontEndCodec.decode(received);
            case BACK_END -> BackEndCodec.decode(received);
            case WIRES -> WiresCodec.decode(received, Set.of("vm0", "vm1", "uplink", "loop0"), 2);
            default -> HandoverMessages.generation(received);
        }
    }

    /** One to four changes: a bit, a byte, an extreme word, a piece cut out or doubled, an early end. */
    private byte[] mutated(byte[] original) {
        byte[] bytes = original.clone();
        int changes = 1 + random.nextInt(4);
        for (int i = 0; i < changes && bytes.length > 0; i++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(6)) {
                case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bytes[at] = (byte) random.nextInt(256);
                case 2 -> extreme(bytes, at);
                case 3 -> bytes = cut(bytes, at);
                case 4 -> bytes = doubled(bytes, at);
                default -> bytes = Arrays.copyOf(bytes, Math.max(1, at));
            }
        }
        return bytes.length == 0 ? new byte[1] : bytes;
    }

    private void extreme(byte[] bytes, int at) {
        byte value = (byte) (random.nextBoolean() ? 0xff : 0x7f);
        for (int i = at; i < Math.min(bytes.length, at + 4); i++) {
            bytes[i] = i == at + 3 ? value : (byte) 0xff;
        }
    }

    private byte[] cut(byte[] bytes, int at) {
        int length = Math.min(bytes.length - at, 1 + random.nextInt(8));
        byte[] result = new byte[bytes.length - length];
        System.arraycopy(bytes, 0, result, 0, at);
        System.arraycopy(bytes, at + length, result, at, bytes.length - at - length);
        return result;
    }

    private byte[] doubled(byte[] bytes, int at) {
        int length = Math.min(bytes.length - at, 1 + random.nextInt(64));
        byte[] result = new byte[bytes.length + length];
        System.arraycopy(bytes, 0, result, 0, at + length);
        System.arraycopy(bytes, at, result, at + length, bytes.length - at);
        return result;
    }
}
