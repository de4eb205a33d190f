package dev.baton.handover;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TruncatedControlException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Puts sections together from a stream.
 *
 * <p>It asks for the header, then for exactly the body that the header tells: so no read goes beyond the end of a
 * section, and the descriptors that come are this section's. Memory grows with the bytes that have come, not with the
 * length that a header claims. Once a section was not well formed, nothing that follows can be trusted to be the
 * beginning of another one: the reader is broken.
 */
final class SectionReader {
    private static final int CHUNK_BYTES = 1 << 16;

    private final Fd socket;
    private final Waiting waiting;
    private final DescriptorMessage.Receiver receiver = new DescriptorMessage.Receiver();
    private final MemorySegment chunk = Arena.ofAuto().allocate(CHUNK_BYTES);
    private long lastSequence;
    private boolean broken;

    SectionReader(Fd socket, Waiting waiting) {
        this.socket = socket;
        this.waiting = waiting;
    }

    /** Who says which version of the schema a section has to be in. */
    @FunctionalInterface
    interface Versions {
        int of(Section section);
    }

    /**
     * The next section.
     *
     * @param awaited what is waited for, for errors about something that never began
     */
    Received next(String awaited, long deadlineNs, Versions versions) throws HandoverException {
        if (broken) {
            throw new HandoverException(awaited, HandoverError.CLOSED, "the channel failed before");
        }
        List<Fd> descriptors = new ArrayList<>();
        Progress progress = new Progress(awaited, deadlineNs);
        try {
            Received received = read(progress, descriptors, versions);
            descriptors = List.of();
            return received;
        } catch (HandoverException | RuntimeException e) {
            // Nothing came: the next section may still come whole.
            broken = !(e instanceof HandoverException known && known.kind() == HandoverError.TIMEOUT
                && progress.total == 0);
            throw e;
        } finally {
            descriptors.forEach(Fd::close);
        }
    }

    /** Where in the section a read stands. */
    private static final class Progress {
        private final long deadlineNs;
        private String label;
        private long total;
        private int announced = HandoverChannel.MAX_DESCRIPTORS;

        Progress(String label, long deadlineNs) {
            this.label = label;
            this.deadlineNs = deadlineNs;
        }

        HandoverException error(HandoverError kind, String reason) {
            return new HandoverException(label, kind, reason);
        }
    }

    private Received read(Progress progress, List<Fd> descriptors, Versions versions) throws HandoverException {
        SectionHeader header = SectionHeader.read(bytes(SectionHeader.BYTES, progress, descriptors));
        if (header == null) {
            throw progress.error(HandoverError.BAD_MAGIC, "what came is no section");
        }
        Section section = Section.of(header.code());
        if (section == null) {
            progress.label = "" + header.code();
            throw progress.error(HandoverError.UNKNOWN_SECTION, "there is no section with this code");
        }
        progress.label = section.label();
        checkBounds(header, progress);
        progress.announced = header.descriptors();
        byte[] body = bytes(header.bodyBytes(), progress, descriptors);
        if (header.checksumOver(body) != header.checksum()) {
            throw progress.error(HandoverError.CORRUPT, "its checksum is wrong");
        }
        if (header.flags() != 0) {
            throw progress.error(HandoverError.MALFORMED,
                "flags 0x" + Integer.toHexString(header.flags()) + " are not defined");
        }
        if (header.sequence() != lastSequence + 1) {
            throw progress.error(HandoverError.OUT_OF_SEQUENCE, "it has sequence number "
                + Long.toUnsignedString(header.sequence()) + ", and " + (lastSequence + 1) + " is due");
        }
        lastSequence = header.sequence();
        if (header.schemaVersion() != versions.of(section)) {
            throw progress.error(HandoverError.UNKNOWN_VERSION, "it is in schema version " + header.schemaVersion()
                + ", and " + versions.of(section) + " was agreed upon");
        }
        if (descriptors.size() != header.descriptors()) {
            throw progress.error(HandoverError.DESCRIPTOR_COUNT, descriptors.size()
                + " descriptors came with it, and " + header.descriptors() + " were announced");
        }
        return new Received(section, header.schemaVersion(), body, List.copyOf(descriptors));
    }

    private static void checkBounds(SectionHeader header, Progress progress) throws HandoverException {
        if (header.bodyBytes() < 0 || header.bodyBytes() > HandoverChannel.MAX_BODY_BYTES) {
            throw progress.error(HandoverError.TOO_LARGE, "a body of " + Integer.toUnsignedString(header.bodyBytes())
                + " bytes; " + HandoverChannel.MAX_BODY_BYTES + " are the most");
        }
        if (header.descriptors() < 0 || header.descriptors() > HandoverChannel.MAX_DESCRIPTORS) {
            throw progress.error(HandoverError.DESCRIPTOR_COUNT, Integer.toUnsignedString(header.descriptors())
                + " descriptors are announced; " + HandoverChannel.MAX_DESCRIPTORS + " are the most");
        }
    }

    private byte[] bytes(int length, Progress progress, List<Fd> descriptors) throws HandoverException {
        byte[] bytes = new byte[Math.min(length, CHUNK_BYTES)];
        int done = 0;
        while (done < length) {
            int count = some(Math.min(length - done, CHUNK_BYTES), progress, descriptors);
            if (done + count > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.min(length, Math.max(2 * bytes.length, done + count)));
            }
            RawMemory.copyToArray(chunk.address(), bytes, done, count);
            done += count;
            progress.total += count;
        }
        return bytes;
    }

    private int some(int length, Progress progress, List<Fd> descriptors) throws HandoverException {
        while (true) {
            long count = receive(length, progress, descriptors);
            if (descriptors.size() > progress.announced) {
                throw progress.error(HandoverError.DESCRIPTOR_COUNT, "more descriptors came with it than "
                    + progress.announced);
            }
            if (count > 0) {
                return (int) count;
            }
            if (count == 0) {
                throw progress.total == 0
                    ? progress.error(HandoverError.PEER_GONE, "the peer closed the channel")
                    : progress.error(HandoverError.TRUNCATED,
                        "the peer closed the channel after " + progress.total + " bytes of it");
            }
            switch (waiting.until(progress.deadlineNs)) {
                case READY -> { }
                case WOKEN -> throw progress.error(HandoverError.CLOSED, "the channel was closed on this side");
                case TIMEOUT -> throw progress.error(HandoverError.TIMEOUT, progress.total == 0
                    ? "the peer was silent past the timeout"
                    : "the peer was silent past the timeout, after " + progress.total + " bytes of it");
            }
        }
    }

    private long receive(int length, Progress progress, List<Fd> descriptors) throws HandoverException {
        try {
            return receiver.receive(socket, chunk.address(), length, descriptors, DescriptorMessage.MSG_DONTWAIT);
        } catch (TruncatedControlException e) {
            throw new HandoverException(progress.label, HandoverError.DESCRIPTOR_COUNT,
                "not all of its descriptors could be received: " + e.getMessage(), e);
        } catch (IllegalStateException e) {
            throw new HandoverException(progress.label, HandoverError.CLOSED, "the channel was closed on this side", e);
        } catch (SyscallException e) {
            if (e.errno() == Errno.ECONNRESET) {
                return 0;
            }
            throw new HandoverException(progress.label, HandoverError.SOCKET_FAILED, "" + e.getMessage(), e);
        }
    }
}
