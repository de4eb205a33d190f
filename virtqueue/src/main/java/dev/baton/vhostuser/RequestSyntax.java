package dev.baton.vhostuser;

/**
 * What a well-formed request is, by the table in {@link Request}. A request that is not served passes with any body and
 * any descriptors, so that the session refuses it by name and stays in step.
 */
final class RequestSyntax implements MessageSyntax {
    static final int TABLE_HEADER_BYTES = 8;
    static final int REGION_BYTES = 32;
    /** In the body of SET_VRING_KICK, CALL and ERR: no descriptor comes with it. */
    static final long NO_DESCRIPTOR = 1L << 8;

    @Override
    public void checkHeader(Message message) throws ProtocolException {
        MessageSyntax.checkCommon(message);
        if ((message.flags() & Message.FLAG_REPLY) != 0) {
            throw MessageSyntax.malformed(message, "a reply where a request is due");
        }
        Request request = Request.of(message.code());
        if (request == null) {
            return;
        }
        int size = message.bodyBytes();
        if (size < request.minBodyBytes() || size > request.maxBodyBytes()) {
            throw bodySize(message, request.minBodyBytes() == request.maxBodyBytes()
                ? "" + request.minBodyBytes()
                : request.minBodyBytes() + " to " + request.maxBodyBytes());
        }
    }

    @Override
    public void checkWhole(Message message) throws ProtocolException {
        Request request = Request.of(message.code());
        if (request == null || !request.served()) {
            return;
        }
        int given = message.descriptors().size();
        switch (request) {
            case SET_MEM_TABLE -> {
                int regions = message.int32(0);
                if (regions < 0 || message.bodyBytes() != TABLE_HEADER_BYTES + (long) regions * REGION_BYTES) {
                    throw bodySize(message, "that of " + Integer.toUnsignedString(regions) + " regions");
                }
                checkDescriptors(message, given, regions, regions);
            }
            case SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR -> {
                int due = (message.int64(0) & NO_DESCRIPTOR) == 0 ? 1 : 0;
                checkDescriptors(message, given, due, due);
            }
            case GET_INFLIGHT_FD, SET_INFLIGHT_FD -> {
                int size = message.bodyBytes();
                if (size != InflightState.BODY_BYTES && size != InflightState.UNPADDED_BODY_BYTES) {
                    throw bodySize(message, InflightState.UNPADDED_BODY_BYTES + " or " + InflightState.BODY_BYTES);
                }
                checkDescriptors(message, given, request.minDescriptors(), request.maxDescriptors());
            }
            default -> checkDescriptors(message, given, request.minDescriptors(), request.maxDescriptors());
        }
    }

    private static void checkDescriptors(Message message, int given, int min, int max) throws ProtocolException {
        if (given < min || given > max) {
            throw new ProtocolException(ErrorKind.DESCRIPTOR_COUNT, message.name() + ": " + given
                + " descriptors came with it, not " + (min == max ? "" + min : min + " to " + max));
        }
    }

    private static ProtocolException bodySize(Message message, String due) {
        return new ProtocolException(ErrorKind.BODY_SIZE,
            message.name() + ": a body of " + message.bodyBytes() + " bytes, not " + due);
    }
}
