package dev.baton.handover;

import dev.baton.handover.sbe.ConfirmationDecoder;
import dev.baton.handover.sbe.ConfirmationEncoder;
import dev.baton.handover.sbe.StepDecoder;
import dev.baton.handover.sbe.StepEncoder;
import java.util.ArrayList;
import java.util.List;

/**
 * The short sections: steps, which carry nothing but the generation of the description that they are about, the
 * confirmation, and the refusal.
 */
public final class HandoverMessages {
    private static final int MAX_LANES = 65_534;

    private HandoverMessages() {
    }

    /**
     * Sends a step: END, PREPARED, CLAIM, CLAIMING, SWITCHED, STANDBY or MOVED.
     *
     * @param generation of the description
     */
    public static void sendStep(HandoverChannel channel, Section step, long generation) throws HandoverException {
        BodyWriter body = new BodyWriter();
        StepEncoder message = new StepEncoder().wrap(
            body.begin(StepEncoder.TEMPLATE_ID, channel.versionOf(step), StepEncoder.BLOCK_LENGTH), BodyWriter.START);
        message.generation(generation);
        channel.send(step, step.label(), body.body(message.limit()), List.of());
    }

    /**
     * Waits for a step.
     *
     * @return the generation that it is about
     */
    public static long awaitStep(HandoverChannel channel, Section step, long timeoutMs) throws HandoverException {
        return generation(channel.receive(timeoutMs, step));
    }

    /**
     * Waits for a step that is about a generation.
     *
     * @throws HandoverException it is about another one, or did not come
     */
    public static void awaitStep(HandoverChannel channel, Section step, long generation, long timeoutMs)
        throws HandoverException {
        long actual = awaitStep(channel, step, timeoutMs);
        if (actual != generation) {
            throw new HandoverException(step.label(), HandoverError.MALFORMED,
                "it is about generation " + actual + ", not " + generation);
        }
    }

    /** The generation that a received step is about. */
    public static long generation(Received step) throws HandoverException {
        return BodyReader.decode(step, body -> {
            StepDecoder message = new StepDecoder().wrap(body.begin(StepDecoder.TEMPLATE_ID, StepDecoder.BLOCK_LENGTH),
                BodyWriter.START, StepDecoder.BLOCK_LENGTH, body.version());
            long generation = message.generation();
            if (generation < 0) {
                throw body.malformed("generation is " + generation);
            }
            body.end(message.limit());
            return generation;
        });
    }

    /** Sends CONFIRMED. */
    public static void sendConfirmed(HandoverChannel channel, long generation, List<LaneConfirmation> lanes)
        throws HandoverException {
        BodyWriter body = new BodyWriter();
        ConfirmationEncoder message = new ConfirmationEncoder().wrap(body.begin(ConfirmationEncoder.TEMPLATE_ID,
            channel.versionOf(Section.CONFIRMED), ConfirmationEncoder.BLOCK_LENGTH), BodyWriter.START);
        ConfirmationEncoder.LanesEncoder group = message.generation(generation).lanesCount(lanes.size());
        for (LaneConfirmation lane : lanes) {
            group.next().laneRecord(lane.laneRecord()).releasedNs(lane.releasedNs()).claimedNs(lane.claimedNs())
                .firstFrameNs(lane.firstFrameNs());
        }
        channel.send(Section.CONFIRMED, Section.CONFIRMED.label(), body.body(message.limit()), List.of());
    }

    /** Waits for CONFIRMED about a generation. */
    public static List<LaneConfirmation> awaitConfirmed(HandoverChannel channel, long generation, long timeoutMs)
        throws HandoverException {
        return BodyReader.decode(channel.receive(timeoutMs, Section.CONFIRMED), body -> lanes(body, generation));
    }

    private static List<LaneConfirmation> lanes(BodyReader body, long generation) throws HandoverException {
        ConfirmationDecoder message = new ConfirmationDecoder().wrap(
            body.begin(ConfirmationDecoder.TEMPLATE_ID, ConfirmationDecoder.BLOCK_LENGTH), BodyWriter.START,
            ConfirmationDecoder.BLOCK_LENGTH, body.version());
        if (message.generation() != generation) {
            throw body.malformed("it is about generation " + message.generation() + ", not " + generation);
        }
        ConfirmationDecoder.LanesDecoder group = message.lanes();
        int count = body.count("lanes", group.count(), MAX_LANES, group.actingBlockLength(),
            ConfirmationDecoder.LanesDecoder.sbeBlockLength());
        List<LaneConfirmation> lanes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            group.next();
            lanes.add(new LaneConfirmation(
                body.number("lane record", group.laneRecord(), 0, Integer.MAX_VALUE), group.releasedNs(),
                group.claimedNs(), group.firstFrameNs()));
        }
        body.end(message.limit());
        return lanes;
    }

    /** Tells the peer why nothing comes of it. A peer that cannot be told either is gone, or will notice. */
    public static void refuse(HandoverChannel channel, String section, String reason) {
        try {
            new Refusal(section, reason).send(channel);
        } catch (HandoverException e) {
            // The caller has a failure of its own to report.
            return;
        }
    }

    /** {@link #refuse(HandoverChannel, String, String)} with the section and the reason of a failure. */
    public static void refuse(HandoverChannel channel, HandoverException failure) {
        if (failure.kind() != HandoverError.REFUSED) { // no echo
            refuse(channel, failure.section(), failure.reason());
        }
    }
}
