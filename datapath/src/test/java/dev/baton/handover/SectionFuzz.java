package dev.baton.handover;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Fuzz target: a peer says whatever some bytes say over a handover's channel, and goes.
 *
 * <pre>
 *   sections, each
 *     0  code          of a section; 0: raw bytes follow, else they get a header that is right; 15: a TAP's state
 *     1  version       of the schema, modulo 5
 *     2  descriptors   how many, modulo 17
 *     3  kinds         32, two bits for each: which of {@link #KINDS} it is
 *     7  length        16
 *     9  ...           the body
 * </pre>
 *
 * <p>The first section tells what the other side waits for. Whatever comes is taken, or refused by an exception that
 * names the section; no descriptor is left open.
 */
public final class SectionFuzz {
    private static final int RAW = 0;
    private static final int TAP_STATE = 15;
    private static final int STEP_BYTES = 9;
    private static final int MOST_DESCRIPTORS = 16;
    private static final int MOST_BYTES = 1 << 16;
    private static final Fd[] KINDS = {MemFd.create("fuzz", 4096), EventFd.create().fd(),
        UnixSocket.pair(UnixSocket.STREAM)[0]};
    private static final Map<Integer, String> OPEN = open();

    private SectionFuzz() {
    }

    /** Called by the fuzzer, and for every file of the corpus by a test. */
    public static void fuzzerTestOneInput(byte[] sections) {
        ByteBuffer input = ByteBuffer.wrap(sections).order(ByteOrder.LITTLE_ENDIAN);
        if (sections.length < STEP_BYTES || sections.length > MOST_BYTES) {
            return;
        }
        int before = lowestFree();
        try {
            if (input.get(0) == TAP_STATE) {
                tapState(input);
            } else {
                channel(input);
            }
        } catch (HandoverException refused) {
            require(refused.getMessage() != null && refused.getMessage().startsWith("section "), "" + refused);
        }
        // The JVM opens files too, when it likes: only then is it worth to look at each.
        require(lowestFree() == before || open().equals(OPEN), "a descriptor is left open");
    }

    private static Map<Integer, String> open() {
        try {
            return NoLeaks.openDescriptors();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void channel(ByteBuffer input) throws HandoverException {
        try (Link link = Link.open()) {
            link.channel.agreeOn(1);
            Section first = Section.of(input.get(0) & 0xFF);
            say(link, input);
            link.peer.close();
            hear(link.channel, first == null ? Section.DATAPATH : first);
        }
    }

    private static void say(Link link, ByteBuffer input) {
        for (int sequence = 1; input.remaining() >= STEP_BYTES; sequence++) {
            int code = input.get() & 0xFF;
            int version = (input.get() & 0xFF) % 5;
            int descriptors = (input.get() & 0xFF) % (MOST_DESCRIPTORS + 1);
            int kinds = input.getInt();
            byte[] body = new byte[Math.min(input.getShort() & 0xFFFF, input.remaining())];
            input.get(body);
            List<Fd> attached = new ArrayList<>();
            for (int i = 0; i < descriptors; i++) {
                attached.add(KINDS[(kinds >> (2 * i) & 3) % KINDS.length]);
            }
            if (code != RAW) {
                link.say(new Link.Frame(SectionHeader.of(code, version, body, attached.size(), sequence), body,
                    attached));
            } else if (body.length > 0) {
                link.say(body, attached);
            }
        }
    }

    private static void hear(HandoverChannel channel, Section first) throws HandoverException {
        switch (first) {
            case HELLO -> Hello.receive(channel, Link.TIMEOUT_MS);
            case CONFIRMED -> HandoverMessages.awaitConfirmed(channel, 1, Link.TIMEOUT_MS);
            case DATAPATH, FRONT_END, BACK_END, WIRES -> describe(channel, first);
            default -> HandoverMessages.awaitStep(channel, first, Link.TIMEOUT_MS);
        }
    }

    private static void describe(HandoverChannel channel, Section first) throws HandoverException {
        if (first == Section.DATAPATH) {
            try (Description description = DescriptionReader.read(channel, Link.TIMEOUT_MS)) {
                require(description.descriptors().stream().allMatch(Fd::isOpen), "a descriptor is closed");
            }
            return;
        }
        // A port alone, as its codec sees it.
        Received port = channel.receive(Link.TIMEOUT_MS, Section.FRONT_END, Section.BACK_END);
        Description.descriptors(port.section() == Section.FRONT_END ? FrontEndCodec.decode(port)
            : BackEndCodec.decode(port)).forEach(Fd::close);
    }

    private static void tapState(ByteBuffer input) throws HandoverException {
        input.position(STEP_BYTES);
        byte[] body = new byte[input.remaining()];
        input.get(body);
        NetTap.decode("up", new QueuePairBlob(body, List.of(KINDS[0])));
    }

    /** Descriptors are given out from the lowest number on: one that is left open raises it. */
    private static int lowestFree() {
        try (Fd probe = KINDS[0].duplicate()) {
            return probe.value();
        }
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
