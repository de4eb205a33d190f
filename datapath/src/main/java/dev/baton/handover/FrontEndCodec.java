package dev.baton.handover;

import dev.baton.ffi.Fd;
import dev.baton.handover.sbe.FrontEndPortDecoder;
import dev.baton.handover.sbe.FrontEndPortEncoder;
import dev.baton.vhostuser.BackendDevice;
import dev.baton.vhostuser.SessionState;

/** The section FRONT_END; what belongs to the session is {@link SessionCodec}'s. */
final class FrontEndCodec {
    static final int MAX_QUEUE_PAIRS = 32_768;

    private FrontEndCodec() {
    }

    static void send(HandoverChannel channel, FrontEndState state) throws HandoverException {
        BodyWriter body = new BodyWriter();
        int version = channel.versionOf(Section.FRONT_END);
        String label = Section.FRONT_END.label() + " " + state.name();
        FrontEndPortEncoder message = new FrontEndPortEncoder().wrap(
            body.begin(FrontEndPortEncoder.TEMPLATE_ID, version, blockLength(version)), BodyWriter.START);
        // The encoder believes in the newest version, and would put the groups behind a block of that.
        message.limit(BodyWriter.START + blockLength(version));
        SessionState session = state.session();
        if (session != null && session.inflight() != null && version < FrontEndPortEncoder.inflightSinceVersion()) {
            throw new HandoverException(label, HandoverError.UNKNOWN_VERSION,
                "its front-end keeps an inflight region, which the peer's schema version " + version
                    + " has no words for");
        }
        if (session != null && session.log() != null && version < FrontEndPortEncoder.logSinceVersion()) {
            throw new HandoverException(label, HandoverError.UNKNOWN_VERSION,
                "its guest migrates, which the peer's schema version " + version + " has no words for");
        }
        boolean tellsLimit = version >= FrontEndPortEncoder.memoryLimitSinceVersion();
        if (!tellsLimit && state.memoryLimitBytes() != BackendDevice.MAX_MEMORY_BYTES) {
            throw new HandoverException(label, HandoverError.UNKNOWN_VERSION, "its memory is limited to "
                + state.memoryLimitBytes() + " bytes, which the peer's schema version " + version
                + " has no words for");
        }
        boolean tellsCoalescing = version >= FrontEndPortEncoder.coalescingSinceVersion();
        if (!tellsCoalescing && state.coalescing()) {
            throw new HandoverException(label, HandoverError.UNKNOWN_VERSION,
                "it coalesces, which the peer's schema version " + version + " has no words for");
        }
        message.queuePairs(state.queuePairs()).backendTransfer(BodyWriter.flag(state.backendTransfer()))
            .listens(BodyWriter.flag(state.listens())).offloads(BodyWriter.flag(state.offloads()))
            .firstQueueRecord(state.firstQueueRecord()).listener(body.descriptor(state.listener()))
            .connection(body.descriptor(state.connection())).hasSession(BodyWriter.flag(session != null));
        SessionCodec.writeBlock(message, session);
        if (version >= FrontEndPortEncoder.logSinceVersion()) {
            SessionCodec.writeLog(message, body, session);
        }
        if (version >= FrontEndPortEncoder.inflightSinceVersion()) {
            SessionCodec.writeInflight(message, body, session);
        }
        if (tellsLimit) {
            message.memoryLimit(state.memoryLimitBytes());
        }
        if (tellsCoalescing) {
            message.coalescing(BodyWriter.flag(state.coalescing()));
        }
        SessionCodec.writeGroups(message, body, session);
        message.name(state.name()).socketPath(state.socketPath());
        byte[] partial = session == null ? new byte[0] : session.partialMessage();
        message.putPartialMessage(partial, 0, partial.length);
        channel.send(Section.FRONT_END, label, body.body(message.limit()), body.descriptors());
    }

    static FrontEndState decode(Received received) throws HandoverException {
        return BodyReader.decode(received, FrontEndCodec::read);
    }

    private static FrontEndState read(BodyReader body) throws HandoverException {
        int block = blockLength(body.announcedVersion());
        FrontEndPortDecoder message = new FrontEndPortDecoder().wrap(
            body.begin(FrontEndPortDecoder.TEMPLATE_ID, block), BodyWriter.START, block, body.version());
        String name = nameAhead(body, message);
        body.name(name);
        int queuePairs = body.number("number of queue pairs", message.queuePairs(), 1, MAX_QUEUE_PAIRS);
        boolean transfer = body.flag("backend-transfer", message.backendTransferRaw());
        boolean listens = body.flag("listens", message.listensRaw());
        boolean offloads = body.flag("offloads", message.offloadsRaw());
        // An owner of a version without it has no limit but the one that holds for all.
        long limit = message.actingVersion() < FrontEndPortDecoder.memoryLimitSinceVersion()
            ? BackendDevice.MAX_MEMORY_BYTES : message.memoryLimit();
        if (limit < 1 || limit > BackendDevice.MAX_MEMORY_BYTES) {
            throw body.malformed("a memory limit of " + limit + " bytes");
        }
        boolean coalescing = message.actingVersion() >= FrontEndPortDecoder.coalescingSinceVersion()
            && body.flag("coalescing", message.coalescingRaw());
        int firstQueueRecord = body.number("first queue record", message.firstQueueRecord(), 0, Integer.MAX_VALUE);
        Fd listener = body.optional(message.listener(), DescriptorKind.SOCKET, "listening socket");
        Fd connection = body.optional(message.connection(), DescriptorKind.SOCKET, "connection");
        boolean hasSession = body.flag("has a session", message.hasSessionRaw());
        if (listener != null && !listens) {
            throw body.malformed("it does not listen, and has a listening socket");
        }
        if (hasSession && connection == null) {
            throw body.malformed("it has a session without a connection");
        }
        SessionCodec.Groups groups = SessionCodec.readGroups(body, message, queuePairs);
        message.skipName();
        String path = body.text("socket path", message.socketPathLength(), message::getSocketPath);
        byte[] partial = body.bytes("beginning of a message", message.partialMessageLength(),
            SessionCodec.MAX_PARTIAL_BYTES, message::getPartialMessage);
        body.end(message.limit());
        if (!hasSession && !(groups.isEmpty() && partial.length == 0)) {
            throw body.malformed("it has no session, but parts of one");
        }
        SessionState session = hasSession ? groups.session(body, message, partial) : null;
        return new FrontEndState(name, queuePairs, transfer, path, listens, offloads, limit, coalescing,
            firstQueueRecord, listener, connection, session);
    }

    private static int blockLength(int version) {
        if (version >= FrontEndPortEncoder.coalescingSinceVersion()) {
            return FrontEndPortEncoder.BLOCK_LENGTH;
        }
        if (version >= FrontEndPortEncoder.memoryLimitSinceVersion()) {
            return FrontEndPortEncoder.coalescingEncodingOffset();
        }
        if (version >= FrontEndPortEncoder.inflightSinceVersion()) {
            return FrontEndPortEncoder.memoryLimitEncodingOffset();
        }
        return version >= FrontEndPortEncoder.logSinceVersion()
            ? FrontEndPortEncoder.inflightEncodingOffset() : FrontEndPortEncoder.logEncodingOffset();
    }

    /** The name stands behind the groups, and every error needs it. Leaves the decoder where it was. */
    private static String nameAhead(BodyReader body, FrontEndPortDecoder message) throws HandoverException {
        FrontEndPortDecoder.RegionsDecoder regions = message.regions();
        message.limit(message.limit() + regions.count() * regions.actingBlockLength());
        FrontEndPortDecoder.RingsDecoder rings = message.rings();
        message.limit(message.limit() + rings.count() * rings.actingBlockLength());
        FrontEndPortDecoder.PartialDescriptorsDecoder partial = message.partialDescriptors();
        message.limit(message.limit() + partial.count() * partial.actingBlockLength());
        String name = body.name("name", message.nameLength(), message::getName);
        message.sbeRewind();
        return name;
    }
}
