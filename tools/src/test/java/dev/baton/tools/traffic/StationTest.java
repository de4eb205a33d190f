package dev.baton.tools.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.datapath.FrameHandler;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StationTest {
    private static final Endpoint A = new Endpoint(0x02_00_00_00_00_0AL, 0xC0_00_02_0A);
    private static final Endpoint B = new Endpoint(0x02_00_00_00_00_0BL, 0xC0_00_02_0B);
    private static final int WINDOW = 8;

    private final Deque<byte[]> toA = new ArrayDeque<>();
    private final Deque<byte[]> toB = new ArrayDeque<>();
    private Mapping memory;
    private Station a;
    private Station b;

    @BeforeEach
    void connect() {
        memory = Mapping.anonymous(16_384);
        a = new Station(A, B.ipv4(), List.of(new Pipe(toB, toA, 0)), WINDOW);
        b = new Station(B, A.ipv4(), List.of(new Pipe(toA, toB, 4096)), WINDOW);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    @Test
    void arpFindsThePeerAndPingsAreAnswered() {
        a.pinger().ping(5);
        run(50);
        assertThat(a.pinger().peer()).isEqualTo(B);
        assertThat(a.pinger().answered()).isEqualTo(5);
        assertThat(a.pinger().done(System.nanoTime())).isTrue();
        assertThat(b.responder().arpAnswered()).isEqualTo(1);
        assertThat(b.responder().echoesAnswered()).isEqualTo(5);
    }

    @Test
    void flowsArriveWholeBothWays() {
        exchange(1000);
        assertFlow(a, b, 0, 0, 0);
        assertFlow(b, a, 0, 0, 0);
        assertThat(a.flows().getFirst().sentFrames()).isGreaterThan(1000);
        assertThat(Arrivals.of(b.flows()).latencyNs().getTotalCount()).isEqualTo(a.flows().getFirst().sentFrames());
    }

    @Test
    void theWindowBoundsWhatIsOnTheWay() {
        meet();
        a.sending(true);
        for (int i = 0; i < 10; i++) {
            a.step();
        }
        assertThat(toB).hasSize(WINDOW);
    }

    @Test
    void aLostFrameStopsTheFlowAndIsCounted() {
        meet();
        a.sending(true);
        a.step();
        toB.removeLast();
        a.sending(false);
        run(20);
        assertFlow(a, b, 1, 0, 0);
        Bulk bulk = new Bulk(a.flows(), System.nanoTime());
        assertThat(bulk.settled(System.nanoTime())).isFalse();
        assertThat(bulk.settled(System.nanoTime() + 6_000_000_000L)).isTrue();
    }

    @Test
    void aSwapAndACopyAreCounted() {
        meet();
        a.sending(true);
        a.step();
        byte[] first = toB.removeFirst();
        byte[] second = toB.removeFirst();
        toB.addFirst(first);
        toB.addFirst(second);
        toB.addLast(first.clone());
        a.sending(false);
        run(20);
        assertFlow(a, b, 0, 1, 1);
    }

    @Test
    void aChangedByteIsCounted() {
        meet();
        a.sending(true);
        a.step();
        a.sending(false);
        toB.peekLast()[Frames.PAYLOAD + Payload.HEADER_BYTES + 3] ^= 1;
        run(20);
        assertThat(Arrivals.of(b.flows()).corrupted()).isEqualTo(1);
        assertFlow(a, b, 1, 0, 0);
    }

    @Test
    void arrivalsTravelAsATree() {
        exchange(100);
        Arrivals arrivals = Arrivals.of(a.flows());
        assertThat(Arrivals.ofTree(arrivals.tree())).isEqualTo(arrivals);
    }

    @Test
    void foreignFramesAreLeftAlone() {
        for (int length = 0; length < 100; length++) {
            toA.add(new byte[length]);
        }
        byte[] ipv6 = new byte[86];
        ipv6[12] = (byte) 0x86;
        ipv6[13] = (byte) 0xDD;
        toA.add(ipv6);
        run(20);
        assertThat(toB).isEmpty();
    }

    @Test
    void theChecksumIsThatOfTheStandard() {
        // RFC 1071, section 3: 00 01 f2 03 f4 f5 f6 f7 sums up to ddf2.
        byte[] bytes = {0, 1, (byte) 0xf2, 3, (byte) 0xf4, (byte) 0xf5, (byte) 0xf6, (byte) 0xf7};
        RawMemory.copyFromArray(bytes, 0, memory.address(), bytes.length);
        assertThat(InternetChecksum.fold(InternetChecksum.add(0, memory.address(), 8))).isEqualTo(0xddf2);
        assertThat(InternetChecksum.of(0, memory.address(), 8)).isEqualTo(~0xddf2 & 0xFFFF);
        assertThat(InternetChecksum.fold(InternetChecksum.add(0, memory.address(), 7))).isEqualTo(0xdcfb);
    }

    private void meet() {
        a.pinger().ping(1);
        b.pinger().ping(1);
        run(10);
    }

    private void exchange(int steps) {
        meet();
        a.sending(true);
        b.sending(true);
        run(steps);
        a.sending(false);
        b.sending(false);
        run(20);
    }

    private void run(int steps) {
        for (int i = 0; i < steps; i++) {
            a.step();
            b.step();
        }
    }

    private static void assertFlow(Station from, Station to, long lost, long duplicated, long reordered) {
        Arrivals arrivals = Arrivals.of(to.flows());
        assertThat(List.of(from.flows().getFirst().sentFrames() - arrivals.frames(), arrivals.duplicated(),
                arrivals.reordered())).containsExactly(lost, duplicated, reordered);
    }

    /** One end of a wire made of two queues. */
    private final class Pipe implements FramePort {
        private final Deque<byte[]> out;
        private final Deque<byte[]> in;
        private final int offset;

        Pipe(Deque<byte[]> out, Deque<byte[]> in, int offset) {
            this.out = out;
            this.in = in;
            this.offset = offset;
        }

        @Override
        public long reserve() {
            return memory.address() + offset;
        }

        @Override
        public boolean commit(int lengthBytes, boolean checksumIsOpen) {
            byte[] frame = new byte[lengthBytes];
            RawMemory.copyToArray(reserve(), frame, 0, lengthBytes);
            return out.add(frame);
        }

        @Override
        public void flush() {
            // Frames are there at once.
        }

        @Override
        public int receive(FrameHandler handler, int limit) {
            int frames = 0;
            for (; frames < limit && !in.isEmpty(); frames++) {
                byte[] frame = in.removeFirst();
                RawMemory.copyFromArray(frame, 0, memory.address() + offset + 2048, frame.length);
                handler.frame(memory.address() + offset + 2048, frame.length);
            }
            return frames;
        }

        @Override
        public boolean takesOpenChecksums() {
            return false;
        }
    }
}
