package dev.baton.vhostuser;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;

/**
 * The back-end side of one vhost-user connection.
 *
 * <p><b>Theory of operation.</b>
 *
 * <pre>
 *   socket --> MessageReader --> RequestSyntax --> BackendSession --> RingTable ----> BackendDevice
 *               bytes and        body size,         features,          states of
 *               descriptors      descriptors        memory table       the rings
 *                                                        |
 *   socket &lt;-- reply, or acknowledgement &lt;---------------+
 * </pre>
 *
 * <p>A conductor polls the socket and calls {@link #onReadable} when there is something to read; nothing here waits for
 * the front end. Whatever the front end sends ends in one of three ways:
 *
 * <ul>
 *   <li>It is done. A request with a reply of its own is answered; any other is acknowledged with 0 where REPLY_ACK was
 *       negotiated and the request asks for it.
 *   <li>It is refused: well formed, but not to be done ({@link ErrorKind#refusal}). The session is as before. Where an
 *       acknowledgement was asked for it is not 0, the device is told, and the connection goes on. Without one the
 *       front end would believe that all is well, so the connection ends.
 *   <li>It is no message, or the other end has gone. The connection ends.
 * </ul>
 *
 * <p>To end, {@link #onReadable} throws (or returns false where the front end closed its end in good order) and the
 * caller calls {@link #close}, which stops the rings through the device, unmaps the memory, closes every descriptor and
 * tells the device.
 *
 * <p>A connection can change its process between two calls of {@link #onReadable}. The outgoing owner describes it
 * ({@link #state}); the incoming one continues it over duplicates of the descriptors ({@link #restore}); once that one
 * has taken over, the outgoing owner lets go ({@link #abandon}). Both exist for a while: only one may read the socket,
 * and {@link #generation} tells whether a description still holds. Nothing of it is seen at the other end.
 *
 * <p>Replies are small and a front end reads one before it asks again; one that does not, until the socket is full, is
 * cut off. Not thread-safe: one thread drives a connection.
 *
 * <p>Source: QEMU's {@code docs/interop/vhost-user.rst}.
 */
public final class BackendConnection implements AutoCloseable {
    private static final long SUCCESS = 0;
    private static final long FAILURE = 1;

    private final Fd socket;
    private final BackendDevice device;
    private final BackendSession session;
    private final MessageReader reader = new MessageReader(new RequestSyntax());
    private final Message reply = new Message();
    private final MessageBudget budget = new MessageBudget(System.nanoTime());
    private long generation;
    /** Whether a message has begun whose rest was still to come at the end of a call. */
    private boolean partial;
    private boolean ended;
    private boolean closed;

    /**
     * A connection at its beginning.
     *
     * @param socket a connected stream socket; the connection owns it from now on
     * @param device what the back end does with it
     */
    public BackendConnection(Fd socket, BackendDevice device) {
        this.socket = socket;
        this.device = device;
        this.session = new BackendSession(device);
    }

    /**
     * Continues a connection that another owner has described. The device is told first of the features, if any were
     * acked, then of every virtqueue that was running, which goes on where its used ring stands. Memory that the guest
     * has used is mapped with its pages. Nothing is sent, nothing is written to the guest's memory and nothing is set
     * on any descriptor: as long as this connection does not read the socket and the device moves nothing, the other
     * owner may go on.
     *
     * @param socket the connection's socket, or a duplicate; owned by the connection from now on, and closed on failure
     * @param device what the back end does with it; what it offers now is what may have been acked
     * @param state untrusted; every descriptor in it is the connection's from now on, and closed on failure
     * @throws ProtocolException naming the field, the region, the ring or the partial message that cannot be, or the
     *     device's failure. Virtqueues that were started by then are stopped; the device is not told of the end of a
     *     connection that never was.
     */
    public static BackendConnection restore(Fd socket, BackendDevice device, SessionState state)
        throws ProtocolException {
        BackendConnection connection = null;
        try {
            connection = new BackendConnection(socket, device);
            connection.takeUp(state);
            return connection;
        } catch (ProtocolException | RuntimeException e) {
            socket.close();
            try {
                if (connection != null) {
                    connection.session.close();
                }
                state.descriptors().forEach(Fd::close);
            } catch (RuntimeException stuck) {
                // The device does not let go of a ring: what that needs stays open.
                e.addSuppressed(stuck);
            }
            throw e;
        }
    }

    private void takeUp(SessionState state) throws ProtocolException {
        if (!FileIo.isSocket(socket)) {
            throw new ProtocolException(ErrorKind.SOCKET_FAILED, "the connection's descriptor is no socket");
        }
        try {
            reader.restore(state.partialMessage(), state.partialDescriptors());
        } catch (ProtocolException e) {
            throw e.about("partial message");
        }
        partial = reader.isPartial();
        try {
            session.restore(state);
            RawMemory.checkFault();
        } catch (InternalError e) {
            throw ProtocolException.memoryTruncated(e);
        } catch (ProtocolException e) {
            // Of memory that its front end has spoilt anything may have been found.
            SharedFile.check(state.regions(), state.log(), state.inflight());
            throw e;
        }
        // The session has duplicates of its own.
        state.files().forEach(Fd::close);
    }

    /**
     * Describes the connection for another owner. Not while {@link #onReadable} runs, but in
     * {@link BackendDevice#answering}.
     *
     * @return descriptors in it are borrowed: they stay the connection's, until it handles another message
     * @throws IllegalStateException if the connection has ended
     */
    public SessionState state() {
        if (ended) {
            throw new IllegalStateException("the connection has ended");
        }
        return session.state(reader.partialBytes(), reader.partialDescriptors());
    }

    /** Moves whenever what {@link #state} tells has changed, or may have. */
    public long generation() {
        return generation;
    }

    /** The socket, still owned by the connection. */
    public Fd socket() {
        return socket;
    }

    /**
     * Handles the messages that have come, as many as fit a turn ({@link MessageBudget}): watch the socket
     * level-triggered. Never waits.
     *
     * @return false where the front end has gone in good order; close the connection
     * @throws ProtocolException where the connection cannot go on, with the reason; close the connection
     */
    public boolean onReadable() throws ProtocolException {
        if (ended) {
            return false;
        }
        boolean goesOn = false;
        try {
            goesOn = handleMessages();
        } finally {
            ended = !goesOn;
        }
        return goesOn;
    }

    /**
     * Checks that the memory that the front end shared is still there, for another owner too. A front end that cuts its
     * files short makes every access fault; who had such a fault asks here whose memory it was.
     *
     * @throws ProtocolException whose kind is {@linkplain ErrorKind#memorySpoilt of this sort}; close the connection
     */
    public void checkMemory() throws ProtocolException {
        session.checkMemory();
    }

    /**
     * Stops the rings through the device, unmaps the memory, closes every descriptor and tells the device. A second
     * call does nothing.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        ended = true;
        reader.close();
        // Also for the copies that a standby holds: the front end need not wait until that has followed.
        UnixSocket.shutdown(socket);
        socket.close();
        try {
            session.close();
        } finally {
            device.disconnected();
        }
    }

    /**
     * Lets go of a connection that another owner continues: closes every descriptor and unmaps the memory, and that is
     * all. The device is not told, no virtqueue is stopped, nothing is sent; its agents have let go before. A later
     * {@link #close}, or a second call, does nothing.
     */
    public void abandon() {
        if (closed) {
            return;
        }
        closed = true;
        ended = true;
        reader.close();
        socket.close();
        session.abandon();
    }

    private boolean handleMessages() throws ProtocolException {
        budget.begin(System.nanoTime());
        boolean turn = true;
        while (turn) {
            try {
                switch (reader.advance(socket)) {
                    case WAITING -> {
                        if (reader.isPartial()) {
                            generation++;
                            partial = true;
                        }
                        return true;
                    }
                    case END -> {
                        return false;
                    }
                    case MESSAGE -> {
                        if (partial || changesState(reader.message())) {
                            generation++;
                            partial = false;
                        }
                        handle(reader.message());
                        turn = budget.spend(System.nanoTime());
                        checkBudget();
                    }
                }
            } catch (ProtocolException e) {
                tellFailure(e);
                throw e;
            }
        }
        return true;
    }

    private void checkBudget() throws ProtocolException {
        if (budget.overspent()) {
            throw new ProtocolException(ErrorKind.TOO_MANY_MESSAGES, "the front end sends more than "
                + MessageBudget.PER_SECOND + " messages a second, after " + MessageBudget.BURST);
        }
    }

    private void handle(Message message) throws ProtocolException {
        try {
            Reply answer = session.handle(message);
            if (answer == null && asksForAcknowledgement(message)) {
                answer = Reply.of(SUCCESS);
            }
            if (answer != null) {
                answer(message, answer);
            }
        } catch (ProtocolException e) {
            if (!e.kind().refusal() || !asksForAcknowledgement(message)) {
                throw e;
            }
            reply(message, Reply.of(FAILURE));
            device.refused(e);
        } catch (RuntimeException e) {
            throw new ProtocolException(ErrorKind.DEVICE_FAILED, message.name() + ": " + e, e);
        } finally {
            message.clear();
        }
    }

    private void answer(Message message, Reply answer) throws ProtocolException {
        try {
            device.answering();
        } catch (ProtocolException | RuntimeException e) {
            Fd attached = answer.descriptor();
            if (attached != null) {
                attached.close();
            }
            throw e;
        }
        reply(message, answer);
    }

    /** Requests that only ask do not. */
    private static boolean changesState(Message message) {
        Request request = Request.of(message.code());
        return request == null || !request.replies() || request == Request.GET_VRING_BASE
            || request == Request.SET_LOG_BASE;
    }

    /** The front end waits for an answer: let it have one before the connection ends. */
    private void tellFailure(ProtocolException reason) {
        boolean reachable = !closed && switch (reason.kind()) {
            case VANISHED, SOCKET_FAILED, REPLIES_NOT_READ -> false;
            default -> true;
        };
        Message message = reader.message();
        if (reachable && reader.hasHeader() && asksForAcknowledgement(message)) {
            try {
                reply(message, Reply.of(FAILURE));
            } catch (ProtocolException unreachable) {
                reason.addSuppressed(unreachable);
            }
        }
    }

    /** A request with a reply of its own has no word for failure. */
    private boolean asksForAcknowledgement(Message message) {
        Request request = Request.of(message.code());
        return message.needsReply() && session.acknowledges() && (request == null || !request.replies());
    }

    /** Sends a reply and closes our end of what goes with it. */
    private void reply(Message to, Reply answer) throws ProtocolException {
        reply.header(to.code(), Message.VERSION | Message.FLAG_REPLY, answer.bodyBytes());
        answer.write(reply);
        int length = Message.HEADER_BYTES + answer.bodyBytes();
        try (Fd attached = answer.descriptor()) {
            int[] descriptors = attached == null ? MessageWriter.NO_DESCRIPTORS : new int[] {attached.value()};
            if (MessageWriter.send(socket, reply.address(), length, descriptors) == length) {
                return;
            }
            throw new ProtocolException(ErrorKind.REPLIES_NOT_READ,
                to.name() + ": no room for the reply, the front end does not read");
        }
    }
}
