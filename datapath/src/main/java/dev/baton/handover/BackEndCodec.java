package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.BackEndPortDecoder;
import dev.baton.handover.sbe.BackEndPortEncoder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The section BACK_END. The state of the back end is moved, not looked into. */
final class BackEndCodec {
    private static final int MAX_STATE_BYTES = 1 << 20;

    private BackEndCodec() {
    }

    static void send(HandoverChannel channel, BackEndState state) throws HandoverException {
        BodyWriter body = new BodyWriter();
        BackEndPortEncoder message = new BackEndPortEncoder().wrap(body.begin(BackEndPortEncoder.TEMPLATE_ID,
            channel.versionOf(Section.BACK_END), BackEndPortEncoder.BLOCK_LENGTH), BodyWriter.START);
        BackendBlob blob = state.state();
        message.queuePairs(state.queuePairs()).backendTransfer(BodyWriter.flag(state.backendTransfer()))
            .hasState(BodyWriter.flag(blob != null)).firstStagingSlot(state.firstStagingSlot());
        List<QueuePairBlob> blobs = blob == null ? List.of() : blob.queuePairs();
        BackEndPortEncoder.PairsEncoder pairs = message.pairsCount(blobs.size());
        List<Fd> descriptors = new ArrayList<>();
        for (QueuePairBlob pair : blobs) {
            pairs.next().descriptorCount(pair.descriptors().size()).putState(pair.bytes(), 0, pair.bytes().length);
            descriptors.addAll(pair.descriptors());
        }
        BackEndPortEncoder.DescriptorsEncoder group = message.descriptorsCount(descriptors.size());
        for (Fd fd : descriptors) {
            group.next().descriptor(body.descriptor(fd));
        }
        byte[] device = blob == null ? new byte[0] : blob.device();
        message.name(state.name()).kind(state.kind()).options(state.options()).putDevice(device, 0, device.length);
        channel.send(Section.BACK_END, Section.BACK_END.label() + " " + state.name(), body.body(message.limit()),
            body.descriptors());
    }

    static BackEndState decode(Received received) throws HandoverException {
        return BodyReader.decode(received, BackEndCodec::read);
    }

    private static BackEndState read(BodyReader body) throws HandoverException {
        BackEndPortDecoder message = new BackEndPortDecoder().wrap(
            body.begin(BackEndPortDecoder.TEMPLATE_ID, BackEndPortDecoder.BLOCK_LENGTH), BodyWriter.START,
            BackEndPortDecoder.BLOCK_LENGTH, body.version());
        String name = nameAhead(body, message);
        body.name(name);
        int queuePairs = body.number("number of queue pairs", message.queuePairs(), 1, FrontEndCodec.MAX_QUEUE_PAIRS);
        boolean transfer = body.flag("backend-transfer", message.backendTransferRaw());
        boolean hasState = body.flag("has a state", message.hasStateRaw());
        int slot = body.number("first staging slot", message.firstStagingSlot(), -1, Integer.MAX_VALUE);
        List<Pair> pairs = pairs(body, message.pairs(), hasState ? queuePairs : 0);
        List<QueuePairBlob> blobs = withDescriptors(body, message.descriptors(), pairs);
        message.skipName();
        String kind = body.name("kind", message.kindLength(), message::getKind);
        String options = body.text("options", message.optionsLength(), message::getOptions);
        byte[] device = body.bytes("state of the device", message.deviceLength(), MAX_STATE_BYTES, message::getDevice);
        body.end(message.limit());
        return new BackEndState(name, queuePairs, transfer, kind, options, slot,
            blob(body, hasState, transfer, blobs, device));
    }

    private static @Nullable BackendBlob blob(BodyReader body, boolean hasState, boolean transfer,
        List<QueuePairBlob> blobs, byte[] device) throws HandoverException {
        if (hasState && !transfer) {
            throw body.malformed("its backend-transfer is off, and it has a state");
        }
        if (!hasState && device.length > 0) {
            throw body.malformed("it has no state, but that of a device");
        }
        return hasState ? new BackendBlob(blobs, device) : null;
    }

    /** A queue pair before its descriptors are known. */
    @SuppressWarnings("ArrayRecordComponent")
    private record Pair(byte[] state, int descriptors) {
    }

    private static List<Pair> pairs(BodyReader body, BackEndPortDecoder.PairsDecoder group, int expected)
        throws HandoverException {
        int count = body.count("queue pairs with a state", group.count(), FrontEndCodec.MAX_QUEUE_PAIRS,
            group.actingBlockLength(), BackEndPortDecoder.PairsDecoder.sbeBlockLength());
        body.number("number of queue pairs with a state", count, expected, expected);
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int descriptors = body.number("number of descriptors of queue pair " + i, group.next().descriptorCount(),
                0, HandoverChannel.MAX_DESCRIPTORS);
            pairs.add(new Pair(body.bytes("state of queue pair " + i, group.stateLength(), MAX_STATE_BYTES,
                group::getState), descriptors));
        }
        return pairs;
    }

    private static List<QueuePairBlob> withDescriptors(BodyReader body, BackEndPortDecoder.DescriptorsDecoder group,
        List<Pair> pairs) throws HandoverException {
        int count = body.count("descriptors", group.count(), HandoverChannel.MAX_DESCRIPTORS,
            group.actingBlockLength(), BackEndPortDecoder.DescriptorsDecoder.sbeBlockLength());
        int needed = pairs.stream().mapToInt(Pair::descriptors).sum();
        if (needed != count) {
            throw body.malformed("its queue pairs have " + needed + " descriptors, and it lists " + count);
        }
        List<QueuePairBlob> blobs = new ArrayList<>();
        for (Pair pair : pairs) {
            List<Fd> descriptors = new ArrayList<>();
            for (int i = 0; i < pair.descriptors(); i++) {
                descriptors.add(body.descriptor(group.next().descriptor(), DescriptorKind.ANY,
                    "of queue pair " + blobs.size()));
            }
            blobs.add(new QueuePairBlob(pair.state(), descriptors));
        }
        return blobs;
    }

    /** The name stands behind the groups, and every error needs it. Leaves the decoder where it was. */
    private static String nameAhead(BodyReader body, BackEndPortDecoder message) throws HandoverException {
        BackEndPortDecoder.PairsDecoder pairs = message.pairs();
        int count = body.count("queue pairs with a state", pairs.count(), FrontEndCodec.MAX_QUEUE_PAIRS,
            pairs.actingBlockLength(), BackEndPortDecoder.PairsDecoder.sbeBlockLength());
        for (int i = 0; i < count; i++) {
            pairs.next();
            body.number("length of the state of queue pair " + i, pairs.stateLength(), 0, MAX_STATE_BYTES);
            pairs.skipState();
        }
        BackEndPortDecoder.DescriptorsDecoder descriptors = message.descriptors();
        message.limit(message.limit() + descriptors.count() * descriptors.actingBlockLength());
        String name = body.name("name", message.nameLength(), message::getName);
        message.sbeRewind();
        return name;
    }
}
