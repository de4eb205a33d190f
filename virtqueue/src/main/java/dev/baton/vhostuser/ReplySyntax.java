package dev.baton.vhostuser;

/** What a well-formed reply is: one number, but for an inflight region; and only two bring a descriptor. */
final class ReplySyntax implements MessageSyntax {
    @Override
    public void checkHeader(Message message) throws ProtocolException {
        MessageSyntax.checkCommon(message);
        if ((message.flags() & Message.FLAG_REPLY) == 0) {
            throw MessageSyntax.malformed(message, "a request where a reply is due");
        }
        boolean inflight = message.code() == Request.GET_INFLIGHT_FD.code();
        int due = inflight ? InflightState.BODY_BYTES : Long.BYTES;
        if (message.bodyBytes() != due && !(inflight && message.bodyBytes() == InflightState.UNPADDED_BODY_BYTES)) {
            throw new ProtocolException(ErrorKind.BODY_SIZE,
                message.name() + ": a reply of " + message.bodyBytes() + " bytes, not " + due);
        }
    }

    @Override
    public void checkWhole(Message message) throws ProtocolException {
        boolean mayBring = message.code() == Request.GET_INFLIGHT_FD.code()
            || message.code() == Request.SET_DEVICE_STATE_FD.code();
        if (message.descriptors().size() > (mayBring ? 1 : 0)) {
            throw new ProtocolException(ErrorKind.DESCRIPTOR_COUNT, message.name() + ": a reply with descriptors");
        }
    }
}
