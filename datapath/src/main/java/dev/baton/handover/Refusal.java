package dev.baton.handover;

import dev.baton.handover.sbe.ObjectionDecoder;
import dev.baton.handover.sbe.ObjectionEncoder;
import java.util.List;

/**
 * The peer's no.
 *
 * @param section what was refused, as {@link HandoverException#section()} has it
 * @param reason why
 */
record Refusal(String section, String reason) {
    private static final int MAX_CHARACTERS = 1000;

    HandoverException error() {
        return new HandoverException(section, HandoverError.REFUSED, "refused by the peer: " + reason);
    }

    void send(HandoverChannel channel) throws HandoverException {
        BodyWriter body = new BodyWriter();
        ObjectionEncoder message = new ObjectionEncoder().wrap(
            body.begin(ObjectionEncoder.TEMPLATE_ID, 0, ObjectionEncoder.BLOCK_LENGTH), BodyWriter.START);
        message.section(shorten(section)).reason(shorten(reason));
        channel.send(Section.REFUSAL, Section.REFUSAL.label(), body.body(message.limit()), List.of());
    }

    static Refusal decode(Received received) throws HandoverException {
        return BodyReader.decode(received, Refusal::read);
    }

    private static Refusal read(BodyReader body) throws HandoverException {
        ObjectionDecoder message = new ObjectionDecoder().wrap(
            body.begin(ObjectionDecoder.TEMPLATE_ID, ObjectionDecoder.BLOCK_LENGTH), BodyWriter.START,
            ObjectionDecoder.BLOCK_LENGTH, body.version());
        String section = body.name("section", message.sectionLength(), message::getSection);
        String reason = body.name("reason", message.reasonLength(), message::getReason);
        body.end(message.limit());
        return new Refusal(section, reason);
    }

    private static String shorten(String text) {
        String line = text.isBlank() ? "?" : text.replaceAll("\\p{Cntrl}", " ");
        return line.length() <= MAX_CHARACTERS ? line : line.substring(0, MAX_CHARACTERS);
    }
}
