package dev.baton.vhostuser;

import dev.baton.ffi.Errno;
import dev.baton.ffi.SyscallException;
import java.util.Locale;

/**
 * What went wrong on a vhost-user connection. A kind is a <em>refusal</em> when the message was well formed and only
 * its content is not taken: such a message leaves the session as it was, and where the front end asked for an
 * acknowledgement it is told "no" and the connection goes on. Every other kind ends the connection.
 */
public enum ErrorKind {
    /** Wrong version, reply flag on a request, reserved flags, or a body larger than any message. */
    MALFORMED_HEADER(false, false),
    /** The body's size is not the request's. */
    BODY_SIZE(false, false),
    /** Too few or too many descriptors came with the message, or not all of them could be received. */
    DESCRIPTOR_COUNT(false, false),
    /** A request that the back end does not serve. */
    UNKNOWN_REQUEST(true, false),
    /** A request that belongs to a feature that is not offered. */
    NOT_NEGOTIATED(true, false),
    /** A value that the request cannot carry. */
    INVALID_VALUE(true, false),
    /** A memory region that cannot be: overlapping, larger than its file, needed by a running ring. */
    MEMORY_REFUSED(true, false),
    /** A virtqueue that cannot be: size, alignment, addresses outside the memory table, changed while it runs. */
    RING_REFUSED(true, false),
    /** The system had not enough of something: address space, descriptors, memory. */
    OUT_OF_RESOURCES(true, true),
    /** The front end shares more memory than a port may map. */
    TOO_MUCH_MEMORY(true, false),
    /** The front end sends more messages than any that sets up a guest. */
    TOO_MANY_MESSAGES(false, false),
    /** The front end cut the memory short that it had shared. */
    MEMORY_TRUNCATED(false, false),
    /** The front end forbade others to write to the memory that it had shared. */
    MEMORY_SEALED(false, false),
    /** The front end filled an eventfd and made it block, so that who signalled it had to wait. */
    EVENTFD_BLOCKS(false, false),
    /** The front end went away in the middle of a message. */
    VANISHED(false, true),
    /** The socket failed. */
    SOCKET_FAILED(false, true),
    /** The front end asks and asks and never reads the replies. */
    REPLIES_NOT_READ(false, false),
    /** The back end's process died with messages of the front end in its hands: nobody knows what became of them. */
    OWNER_DIED(false, true),
    /** The device itself failed at what it was told. */
    DEVICE_FAILED(false, true),
    /** Front-end side: the back end did not answer in time. */
    TIMEOUT(false, true),
    /** Front-end side: the back end said no. */
    REFUSED(true, false),
    /** Front-end side: the back end's answer is none to the request. */
    UNEXPECTED_REPLY(false, false);

    private final boolean refusal;
    private final boolean shouldReconnect;

    ErrorKind(boolean refusal, boolean shouldReconnect) {
        this.refusal = refusal;
        this.shouldReconnect = shouldReconnect;
    }

    /** What it is when the kernel does not map memory: want of something here, or what the front end sent. */
    static ErrorKind unmapped(SyscallException e) {
        return switch (e.errno()) {
            case Errno.ENOMEM, Errno.EAGAIN, Errno.EMFILE, Errno.ENFILE -> OUT_OF_RESOURCES;
            default -> MEMORY_REFUSED;
        };
    }

    /** Whether the message was well formed and left the session as it was. */
    public boolean refusal() {
        return refusal;
    }

    /** Whether the front end has spoilt memory that it had shared already: no owner could go on with it. */
    public boolean memorySpoilt() {
        return this == MEMORY_TRUNCATED || this == MEMORY_SEALED;
    }

    /** Whether a new connection to the same peer has a chance: not where the peer would say the same again. */
    public boolean shouldReconnect() {
        return shouldReconnect;
    }

    /** The name for counters and logs: {@code "body-size"}. */
    public String reason() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
