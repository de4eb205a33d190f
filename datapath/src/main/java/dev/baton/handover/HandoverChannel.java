package dev.baton.handover;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Epoll;
import dev.baton.ffi.Errno;
import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.agrona.DirectBuffer;

/**
 * The connection of two owners: sections with descriptors, one after the other, in both directions.
 *
 * <p><b>Theory of operation.</b> A section is a fixed header ({@link SectionHeader}) and a body, one SBE message; its
 * descriptors travel with its first bytes. Both sides begin in schema version 0, in which HELLO is, and go on in the
 * one that the two HELLOs agree upon. The receiver checks what does not need the content - lengths, checksum, sequence,
 * version, number of descriptors - before anybody looks at the body. Every failure is a {@link HandoverException} that
 * names the section; whatever descriptors had come are closed by then. Where the peer refuses, the exception is the
 * peer's sentence.
 *
 * <p>One thread may send while another one receives. {@link #close()} may come from any thread and ends both. Nothing
 * is set on the socket, which is waited for by epoll and never blocks.
 */
public final class HandoverChannel implements AutoCloseable {
    /** The most bytes that a section's body has. */
    public static final int MAX_BODY_BYTES = 1 << 24;
    /** The most descriptors that come with a section. */
    public static final int MAX_DESCRIPTORS = 4096;
    /** How long a peer may take to read a section, in milliseconds, unless told otherwise. */
    public static final long SEND_TIMEOUT_MS = 10_000;

    private static final String CHANNEL = "channel";

    private final Fd socket;
    private final HandoverFaults faults;
    private final EventFd wakeUp;
    private final Waiting readable;
    private final Waiting writable;
    private final SectionReader reader;
    private final SectionSender sender;
    private final ReentrantLock receiving = new ReentrantLock();
    private final ReentrantLock sending = new ReentrantLock();
    private final AtomicBoolean closed = new AtomicBoolean();
    private volatile int schemaVersion;
    /** Under the lock of those who send. */
    private boolean held;

    private HandoverChannel(Fd socket, HandoverFaults faults, long sendTimeoutMs) {
        this.socket = socket;
        this.faults = faults;
        this.wakeUp = EventFd.create();
        Waiting in = null;
        try {
            in = new Waiting(socket, Epoll.IN, wakeUp);
            this.writable = new Waiting(socket, Epoll.OUT, wakeUp);
        } catch (RuntimeException e) {
            if (in != null) {
                in.close();
            }
            wakeUp.close();
            throw e;
        }
        this.readable = in;
        this.reader = new SectionReader(socket, readable);
        this.sender = new SectionSender(socket, writable, TimeUnit.MILLISECONDS.toNanos(sendTimeoutMs));
    }

    /** {@link #over(Fd, HandoverFaults, long)} without faults, with {@link #SEND_TIMEOUT_MS}. */
    public static HandoverChannel over(Fd socket) throws HandoverException {
        return over(socket, HandoverFaults.NONE, SEND_TIMEOUT_MS);
    }

    /**
     * A channel over a connected UNIX stream socket.
     *
     * @param socket        the socket; belongs to the channel, and is closed if there comes none
     * @param faults        what is to go wrong
     * @param sendTimeoutMs how long the peer may take to read a section
     * @return the channel
     * @throws HandoverException descriptors cannot be passed over it
     */
    public static HandoverChannel over(Fd socket, HandoverFaults faults, long sendTimeoutMs)
        throws HandoverException {
        try {
            check(socket);
            return new HandoverChannel(socket, faults, sendTimeoutMs);
        } catch (SyscallException e) {
            socket.close();
            throw new HandoverException(CHANNEL, HandoverError.SOCKET_FAILED, "" + e.getMessage(), e);
        } catch (HandoverException | RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    private static void check(Fd socket) throws HandoverException {
        if (!UnixSocket.isUnix(socket) || !UnixSocket.isStream(socket)) {
            throw new HandoverException(CHANNEL, HandoverError.CANNOT_PASS_DESCRIPTORS,
                "it cannot pass descriptors: a handover needs a connected UNIX stream socket");
        }
        if (!isConnected(socket)) {
            throw new HandoverException(CHANNEL, HandoverError.CANNOT_PASS_DESCRIPTORS,
                "it cannot pass descriptors: the socket is not connected");
        }
        if (!DirectBuffer.SHOULD_BOUNDS_CHECK) {
            throw new HandoverException(CHANNEL, HandoverError.SOCKET_FAILED,
                "the bounds checks of Agrona's buffers are off, and what a peer sends must be read with them on");
        }
    }

    /** A stream that was never connected cannot even be looked at; one whose peer has left can. */
    private static boolean isConnected(Fd socket) {
        List<Fd> descriptors = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            new DescriptorMessage.Receiver().receive(socket, arena.allocate(1).address(), 1, descriptors,
                DescriptorMessage.MSG_PEEK | DescriptorMessage.MSG_DONTWAIT);
            return true;
        } catch (SyscallException e) {
            return e.errno() != Errno.EINVAL && e.errno() != Errno.ENOTCONN;
        } finally {
            descriptors.forEach(Fd::close);
        }
    }

    /** The schema version that was agreed upon; 0 before. */
    public int schemaVersion() {
        return schemaVersion;
    }

    void agreeOn(int newSchemaVersion) {
        schemaVersion = newSchemaVersion;
    }

    /** The faults that the channel was made with, for those who walk along the edges. */
    public HandoverFaults faults() {
        return faults;
    }

    /** Who is at the other end. */
    public int peerPid() {
        return UnixSocket.peerCredentials(socket).pid();
    }

    /** The version that a section is sent in, and expected in. */
    int versionOf(Section section) {
        return section.precedesAgreement() ? 0 : schemaVersion;
    }

    /**
     * Sends a section.
     *
     * @param label       the section with the name of its port, for errors
     * @param body        in the version of {@link #versionOf}
     * @param descriptors borrowed until the call returns
     */
    void send(Section section, String label, byte[] body, List<Fd> descriptors) throws HandoverException {
        if (body.length > MAX_BODY_BYTES) {
            throw new HandoverException(label, HandoverError.TOO_LARGE,
                "a body of " + body.length + " bytes; " + MAX_BODY_BYTES + " are the most");
        }
        if (descriptors.size() > MAX_DESCRIPTORS) {
            throw new HandoverException(label, HandoverError.DESCRIPTOR_COUNT,
                descriptors.size() + " descriptors; " + MAX_DESCRIPTORS + " are the most");
        }
        Fault fault = faults.onSend(section);
        PlannedFaults.happen(fault, section.label());
        sending.lock();
        try {
            checkOpen(label);
            if (fault == Fault.SILENCE) {
                sender.skip();
            } else if (fault != Fault.CLOSE) {
                sender.add(section, label, versionOf(section), body, numbers(label, descriptors), fault);
            }
            if (!held || fault == Fault.TRUNCATE) {
                sender.flush();
            }
        } catch (HandoverException e) {
            throw e.kind() == HandoverError.PEER_GONE ? refusalOr(e) : e;
        } finally {
            sending.unlock();
        }
        if (fault == Fault.CLOSE || fault == Fault.TRUNCATE) {
            close();
        }
    }

    /** What sends sections. */
    @FunctionalInterface
    public interface Sending {
        /** Sends them. */
        void run() throws HandoverException;
    }

    /**
     * Runs what sends sections, and keeps these for {@link #flush}: nothing here waits for the peer. Nothing else comes
     * in between. The descriptors have to stay open until they are sent. When this throws, none of them is kept: whose
     * the descriptors' numbers are by then, nobody knows.
     */
    public void hold(Sending sections) throws HandoverException {
        sending.lock();
        held = true;
        SectionSender.Mark before = sender.mark();
        boolean whole = false;
        try {
            sections.run();
            whole = true;
        } finally {
            if (!whole) {
                sender.forgetSince(before);
            }
            held = false;
            sending.unlock();
        }
    }

    /**
     * Sends what was {@linkplain #hold held}. It never looks at what the peer says: another thread may listen.
     *
     * @param timeoutMs how long the peer may take
     * @return false when it did not take all: call again; what is sent otherwise comes after it
     */
    public boolean flush(long timeoutMs) throws HandoverException {
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        sending.lock();
        try {
            checkOpen(CHANNEL);
            return sender.flush(deadlineNs);
        } finally {
            sending.unlock();
        }
    }

    /**
     * Waits for a section.
     *
     * @param timeoutMs how long the peer may take until all of it is there
     * @param expected  the sections whose turn it is
     * @return the section, which the caller closes
     */
    public Received receive(long timeoutMs, Section... expected) throws HandoverException {
        Received received = next(expected[0].label(), timeoutMs);
        for (Section section : expected) {
            if (received.section() == section) {
                return received;
            }
        }
        try (received) {
            if (received.section() == Section.REFUSAL) {
                throw Refusal.decode(received).error();
            }
            throw received.error(HandoverError.UNEXPECTED_SECTION,
                "it is not its turn: " + labels(expected) + " is due");
        }
    }

    /**
     * Waits until there is something to {@link #receive}, be it the peer's end.
     *
     * @return false when nothing came in time
     */
    public boolean awaitInput(long timeoutMs) throws HandoverException {
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        receiving.lock();
        try {
            checkOpen(CHANNEL);
            return readable.until(deadlineNs) != Waiting.Outcome.TIMEOUT;
        } finally {
            receiving.unlock();
        }
    }

    /** Readable while {@link #awaitInput} would not wait: for an epoll; stays the channel's. */
    public Fd inputFd() {
        return readable.fd();
    }

    private Received next(String awaited, long timeoutMs) throws HandoverException {
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        receiving.lock();
        try {
            checkOpen(awaited);
            return reader.next(awaited, deadlineNs, this::versionOf);
        } finally {
            receiving.unlock();
        }
    }

    /** A peer that left may have said why. */
    private HandoverException refusalOr(HandoverException gone) {
        if (!receiving.tryLock()) { // its reader will see it
            return gone;
        }
        try {
            while (true) {
                try (Received last = reader.next(gone.section(), System.nanoTime(), this::versionOf)) {
                    if (last.section() == Section.REFUSAL) {
                        return Refusal.decode(last).error();
                    }
                }
            }
        } catch (HandoverException e) {
            return gone;
        } finally {
            receiving.unlock();
        }
    }

    private static int[] numbers(String label, List<Fd> descriptors) throws HandoverException {
        try {
            return descriptors.stream().mapToInt(Fd::lentValue).toArray();
        } catch (IllegalStateException e) {
            throw new HandoverException(label, HandoverError.DESCRIPTOR_KIND, "" + e.getMessage(), e);
        }
    }

    private static String labels(Section... sections) {
        return String.join(" or ", List.of(sections).stream().map(Section::label).toList());
    }

    private void checkOpen(String label) throws HandoverException {
        if (closed.get()) {
            throw new HandoverException(label, HandoverError.CLOSED, "the channel was closed on this side");
        }
    }

    /** Ends calls that wait or will wait, as {@link #close} does, but leaves the socket; any thread, at any time. */
    public void interrupt() {
        try {
            wakeUp.signal();
        } catch (IllegalStateException e) {
            // Closed meanwhile: nobody waits.
        }
    }

    /** Ends calls that wait, and closes the socket. What the peer has not read yet, it still can. */
    @Override
    public void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        wakeUp.signal();
        sending.lock();
        receiving.lock();
        try {
            readable.close();
            writable.close();
            socket.close();
            wakeUp.close();
        } finally {
            receiving.unlock();
            sending.unlock();
        }
    }
}
