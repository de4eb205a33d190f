package dev.baton.vhostuser;

/** What a well-formed message is, in one direction; looked at before anything in it is believed. */
interface MessageSyntax {
    /** Checks the twelve bytes of the header, before any byte of the body is read. */
    void checkHeader(Message message) throws ProtocolException;

    /** Checks the whole message: does its body agree with the descriptors that came with it. */
    void checkWhole(Message message) throws ProtocolException;

    /** What both directions have in common: version, known flags, a size that fits. */
    static void checkCommon(Message message) throws ProtocolException {
        int flags = message.flags();
        if ((flags & Message.VERSION_MASK) != Message.VERSION) {
            throw malformed(message, "version " + (flags & Message.VERSION_MASK) + " is not " + Message.VERSION);
        }
        if ((flags & ~Message.KNOWN_FLAGS) != 0) {
            throw malformed(message, "unknown flags 0x" + Integer.toHexString(flags & ~Message.KNOWN_FLAGS));
        }
        if (Integer.compareUnsigned(message.bodyBytes(), Message.MAX_BODY_BYTES) > 0) {
            throw malformed(message, "a body of " + Integer.toUnsignedString(message.bodyBytes()) + " bytes");
        }
    }

    static ProtocolException malformed(Message message, String what) {
        return new ProtocolException(ErrorKind.MALFORMED_HEADER, message.name() + ": " + what);
    }
}
