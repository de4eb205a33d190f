package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What vhost-user back ends of others did when a front end said what they did not expect, and what Baton does. All of
 * it was in DPDK's vhost library; the facts are those of its own commits.
 */
@Timeout(60)
class KnownDefectsTest {
    private static final int OFTEN = 2_000;

    private Resources before;
    private Link link;

    @BeforeEach
    void connect() throws ProtocolException {
        before = Resources.now();
        link = Link.running();
        link.acknowledged = true;
    }

    @AfterEach
    void nothingIsLeft() {
        link.close();
        assertThat(link.device.stops).isEqualTo(link.device.starts);
        assertThat(Resources.now()).isEqualTo(before);
    }

    /** The request is answered by "no", for this reason; the session goes on as it was. */
    private void assertRefused(ErrorKind kind, Request request, byte[] body, Fd... descriptors)
        throws ProtocolException {
        int refusals = link.device.refusals.size();
        assertThat(link.tell(request, body, descriptors)).as("%s is acknowledged", request).isNotZero();
        assertThat(link.device.refusals).hasSize(refusals + 1);
        assertThat(link.device.refusals.getLast().kind()).isEqualTo(kind);
        assertThat(link.device.running.keySet()).containsExactly(0, 1);
        link.device.refusals.clear();
    }

    private Fd[] files(int count) {
        Fd[] files = new Fd[count];
        Arrays.fill(files, link.memory.file());
        return files;
    }

    /** DPDK allocated for each of them and freed none. Here a size is a number in the ring's configuration. */
    @Test
    @DisplayName("CVE-2019-14818: SET_VRING_NUM again and again")
    void aSizeThatIsSetAgainAndAgainTakesNothing() throws ProtocolException {
        Resources connected = Resources.now();
        for (int i = 0; i < OFTEN; i++) {
            assertThat(link.tell(Request.SET_VRING_NUM, Body.u32(2, 1 << i % 15))).isZero();
        }
        assertThat(Resources.now()).isEqualTo(connected);
        assertThat(link.backEnd.state().rings().get(2).size()).isEqualTo(1 << (OFTEN - 1) % 15);
    }

    /** DPDK left those open that it had not asked for. Here a message owns what comes with it until it is taken. */
    @Test
    @DisplayName("CVE-2019-14818: more descriptors with a message than it has")
    void descriptorsThatNobodyAskedForAreClosed() throws ProtocolException {
        for (int i = 0; i < 200; i++) {
            try (Link other = Link.running()) {
                Resources connected = Resources.now();
                Request request = i % 2 == 0 ? Request.SET_VRING_CALL : Request.GET_FEATURES;
                byte[] body = i % 2 == 0 ? Body.u64(2) : Body.EMPTY;
                assertThat(other.kindOf(request, body, files(2 + i % 7)))
                    .isEqualTo(ErrorKind.DESCRIPTOR_COUNT);
                other.backEnd.close();
                assertThat(Resources.now().descriptors()).hasSizeLessThan(connected.descriptors().size());
            }
        }
    }

    /** An eventfd that is replaced, thousands of times, is closed each time. */
    @Test
    @DisplayName("CVE-2019-14818: eventfds that replace each other")
    void aReplacedEventFdIsClosed() throws ProtocolException {
        Resources connected = Resources.now();
        for (int i = 0; i < OFTEN; i++) {
            link.tell(Request.SET_VRING_CALL, Body.u64(i & 1), link.rings.get(0).call().fd());
        }
        assertThat(Resources.now()).isEqualTo(connected);
    }

    /**
     * DPDK added size and offset of the log without looking for the overflow, and mapped less than it wrote to. Here it
     * is a difference that cannot overflow, of memory regions and of the log ({@link LogTest}).
     */
    @Test
    @DisplayName("CVE-2020-10722: sizes and offsets whose sum overflows")
    void aSizeAndAnOffsetThatOverflowTogetherAreRefused() throws ProtocolException {
        long page = 4096;
        for (long[] region : new long[][] {{-page, page}, {Long.MAX_VALUE, page}, {Long.MAX_VALUE, Long.MAX_VALUE},
            {page, -page}, {page, Long.MAX_VALUE - page + 1}}) {
            assertRefused(ErrorKind.MEMORY_REFUSED, Request.ADD_MEM_REG,
                Body.u64(0, 0x1000_0000, region[0], 0x1000_0000, region[1]), link.memory.file());
        }
    }

    /** DPDK checked the lower 16 bits of an index and used all 32. Here the whole number is compared, then cast. */
    @Test
    @DisplayName("CVE-2020-10723: ring indices above 16 bits")
    void theUpperBitsOfARingsIndexAreLookedAt() throws ProtocolException {
        for (int index : new int[] {0x1_0000, 0x1_0001, 0x8000_0000, 0xFFFF_0000, -1, 4}) {
            assertRefused(ErrorKind.INVALID_VALUE, Request.SET_VRING_NUM, Body.u32(index, 64));
            assertRefused(ErrorKind.INVALID_VALUE, Request.SET_VRING_BASE, Body.u32(index, 0));
            assertRefused(ErrorKind.INVALID_VALUE, Request.SET_VRING_ENABLE, Body.u32(index, 1));
            assertRefused(ErrorKind.INVALID_VALUE, Request.SET_VRING_ADDR,
                Body.join(Body.u32(index, 0), Body.u64(0, 0, 0, 0)));
        }
        for (long index : new long[] {0x1_0000_0000L, 0x1_0000L, 0x200, Long.MIN_VALUE, 255}) {
            Fd eventFd = link.rings.get(0).kick().fd();
            assertRefused(ErrorKind.INVALID_VALUE, Request.SET_VRING_KICK, Body.u64(index), eventFd);
            assertRefused(ErrorKind.INVALID_VALUE, Request.SET_VRING_CALL, Body.u64(index), eventFd);
        }
    }

    /** DPDK's crypto back end believed lengths of keys in a message. Baton has none, and says so. */
    @Test
    @DisplayName("CVE-2020-10724, CVE-2020-14374, CVE-2020-14376, CVE-2020-14377: crypto sessions")
    void cryptoSessionsAreRefused() throws ProtocolException {
        for (int i = 0; i < OFTEN; i++) {
            assertRefused(ErrorKind.UNKNOWN_REQUEST, Request.CREATE_CRYPTO_SESSION, new byte[720]);
        }
        assertRefused(ErrorKind.UNKNOWN_REQUEST, Request.CLOSE_CRYPTO_SESSION, Body.u64(-1));
    }

    /** DPDK made a file and a mapping for each of them, and lost those before. Here they are the front end's. */
    @Test
    @DisplayName("CVE-2020-10726: GET_INFLIGHT_FD again and again")
    void inflightRegionsAreNotKept() throws ProtocolException {
        Resources connected = Resources.now();
        for (int i = 0; i < OFTEN; i++) {
            assertThat(link.ask(Request.GET_INFLIGHT_FD, inflight(2, 64))).isPositive();
        }
        link.channel.close();
        assertThat(Resources.now().mappings()).isEqualTo(connected.mappings());
    }

    /** DPDK used the number of queues in the message as an index without a look. */
    @Test
    @DisplayName("CVE-2021-3839: SET_INFLIGHT_FD with any number of queues")
    void anInflightRegionOfAnyNumberOfQueuesIsRefused() throws ProtocolException {
        for (int queues : new int[] {0, 5, 257, 0xFFFF}) {
            for (int size : new int[] {0, 3, 0xFFFF}) {
                try (Link other = new Link()) {
                    other.negotiate();
                    assertThat(other.kindOf(Request.SET_INFLIGHT_FD, inflight(queues, size), link.memory.file()))
                        .isEqualTo(ErrorKind.INVALID_VALUE);
                }
            }
        }
    }

    /** DPDK left the descriptors open that came with these two. */
    @Test
    @DisplayName("CVE-2022-0669: descriptors with the inflight messages")
    void descriptorsTooManyAreClosed() throws ProtocolException {
        Resources connected = Resources.now();
        for (int i = 0; i < OFTEN / 10; i++) {
            try (Link other = new Link()) {
                other.negotiate();
                Request request = i % 2 == 0 ? Request.GET_INFLIGHT_FD : Request.SET_INFLIGHT_FD;
                assertThat(other.kindOf(request, inflight(2, 64), files(Message.MAX_DESCRIPTORS)))
                    .isEqualTo(ErrorKind.DESCRIPTOR_COUNT);
            }
        }
        assertThat(Resources.now()).isEqualTo(connected);
    }

    /** QEMU divided by the size of a queue that had none (virtio). A size of 0 is no size, and nothing starts. */
    @Test
    @DisplayName("CVE-2017-17381: a ring without a size")
    void aRingWithoutASizeDoesNotStart() throws ProtocolException {
        assertRefused(ErrorKind.RING_REFUSED, Request.SET_VRING_NUM, Body.u32(2, 0));
        link.tell(Request.SET_VRING_ADDR, Body.addresses(link.rings.get(2)));
        link.tell(Request.SET_VRING_KICK, Body.u64(2), link.rings.get(2).kick().fd());
        link.tell(Request.SET_VRING_ENABLE, Body.u32(2, 1));
        assertThat(link.device.running.keySet()).containsExactly(0, 1);
    }

    private static byte[] inflight(int queues, int size) {
        return Body.inflight(1 << 16, 0, queues & 0xFFFF, size);
    }
}
