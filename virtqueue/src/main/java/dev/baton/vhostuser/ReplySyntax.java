package dev.baton.vhostuser;

/** What a well-formed reply is. No reply that Baton asks for brings descriptors. */
final class ReplySyntax implements MessageSyntax {
    @Override
    public void checkHeader(Message message) throws ProtocolException {
        MessageSyntax.checkCommon(message);
        if ((message.flags() & Message.FLAG_REPLY) == 0) {
            throw MessageSyntax.malformed(message, "a request where a reply is due");
        }
        if (message.bodyBytes() != Long.BYTES) {
            throw new ProtocolException(ErrorKind.BODY_SIZE,
                message.name() + ": a reply of " + message.bodyBytes() + " bytes, not " + Long.BYTES);
        }
    }

    @Override
    public void checkWhole(Message message) throws ProtocolException {
        if (!message.descriptors().isEmpty()) {
            throw new ProtocolException(ErrorKind.DESCRIPTOR_COUNT, message.name() + ": a reply with descriptors");
        }
    }
}
