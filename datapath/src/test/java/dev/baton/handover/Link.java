package dev.baton.handover;

import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Fd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A channel, and the bare socket at its other end, which can say what no channel would. */
final class Link implements AutoCloseable {
    static final long TIMEOUT_MS = 5_000;

    final HandoverChannel channel;
    final Fd peer;

    private Link(HandoverChannel channel, Fd peer) {
        this.channel = channel;
        this.peer = peer;
    }

    static Link open() throws HandoverException {
        return open(HandoverFaults.NONE);
    }

    static Link open(HandoverFaults faults) throws HandoverException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        return new Link(HandoverChannel.over(pair[0], faults, TIMEOUT_MS), pair[1]);
    }

    /** A section as it is on the wire. */
    @SuppressWarnings("ArrayRecordComponent")
    record Frame(SectionHeader header, byte[] body, List<Fd> descriptors) {
        Frame withBody(byte[] newBody) {
            return new Frame(SectionHeader.of(header.code(), header.schemaVersion(), newBody, descriptors.size(),
                header.sequence()), newBody, descriptors);
        }

        Frame withHeader(SectionHeader newHeader) {
            SectionHeader signed = newHeader.withChecksum(0);
            return new Frame(signed.withChecksum(signed.checksumOver(body)), body, descriptors);
        }

        Frame withSequence(long sequence) {
            return withHeader(new SectionHeader(header.code(), header.schemaVersion(), header.flags(),
                header.bodyBytes(), header.descriptors(), 0, sequence));
        }

        byte[] bytes() {
            byte[] bytes = Arrays.copyOf(header.toBytes(), SectionHeader.BYTES + body.length);
            System.arraycopy(body, 0, bytes, SectionHeader.BYTES, body.length);
            return bytes;
        }
    }

    void say(Frame frame) {
        say(frame.bytes(), frame.descriptors());
    }

    void say(byte[] bytes, List<Fd> descriptors) {
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(Math.max(1, bytes.length)).address();
            RawMemory.copyFromArray(bytes, 0, address, bytes.length);
            DescriptorMessage.sendAll(peer, address, bytes.length,
                descriptors.stream().mapToInt(Fd::value).toArray());
        }
    }

    /** The next section that the channel sent; its descriptors are the caller's. */
    Frame hear() {
        List<Fd> descriptors = new ArrayList<>();
        SectionHeader header = SectionHeader.read(hear(SectionHeader.BYTES, descriptors));
        if (header == null) {
            throw new AssertionError("no section");
        }
        return new Frame(header, hear(header.bodyBytes(), descriptors), descriptors);
    }

    private byte[] hear(int length, List<Fd> descriptors) {
        byte[] bytes = new byte[length];
        DescriptorMessage.Receiver receiver = new DescriptorMessage.Receiver();
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(Math.max(1, length)).address();
            int done = 0;
            while (done < length) {
                int count = (int) receiver.receive(peer, address, length - done, descriptors, 0);
                if (count == 0) {
                    throw new AssertionError("the channel is closed");
                }
                RawMemory.copyToArray(address, bytes, done, count);
                done += count;
            }
        }
        return bytes;
    }

    @Override
    public void close() {
        channel.close();
        peer.close();
    }
}
