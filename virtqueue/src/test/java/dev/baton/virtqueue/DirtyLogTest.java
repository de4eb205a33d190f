package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every page that the device writes is in the log, and few others. */
class DirtyLogTest {
    private static final int SIZE = 16;
    private static final long PAGE = 4096;
    private static final int LOG_BYTES = 1 << 16;
    private static final int GUEST_PAGES = 256;
    private static final long BASIC = Features.VERSION_1 | Features.MRG_RXBUF | Features.INDIRECT_DESC;

    private final TestGuest guest = new TestGuest((int) (GUEST_PAGES * PAGE));
    private final Mapping memory = Mapping.anonymous(LOG_BYTES);
    private final DirtyLog log = new DirtyLog(memory.address(), LOG_BYTES);
    private final ChainBurst burst = new ChainBurst(SIZE, 64);

    @AfterEach
    void freeMemory() {
        burst.close();
        memory.close();
        guest.close();
    }

    /** The pages that are marked, and no longer after that. */
    private Set<Long> marked() {
        Set<Long> pages = new TreeSet<>();
        for (long page = 0; page < memory.length() * 8; page++) {
            if ((RawMemory.getByte(memory.address() + page / 8) & 1 << (int) (page % 8)) != 0) {
                pages.add(page);
            }
        }
        RawMemory.fill(memory.address(), memory.length(), (byte) 0);
        return pages;
    }

    private static long page(long guestAddress) {
        return guestAddress / PAGE;
    }

    @Test
    void aRangeMarksItsPages() {
        log.mark(0, 1);
        log.mark(2 * PAGE - 1, 2);
        log.mark(62 * PAGE, 68 * PAGE);
        Set<Long> pages = marked();
        assertThat(pages).contains(0L, 1L, 2L, 62L, 63L, 64L, 127L, 128L, 129L).doesNotContain(3L, 61L, 130L);
        assertThat(pages).hasSize(3 + 68);
    }

    @ParameterizedTest
    @CsvSource({"-1,1", "0,0", "5,-7", "9223372036854775807,4096", "2147483648,1", "4611686018427387904,10"})
    void whatTheLogDoesNotCoverIsLeftOut(long address, long length) {
        log.mark(address, length);
        assertThat(marked()).isEmpty();
    }

    @Test
    void theLastPageIsCoveredAndNoneAfterIt() {
        long last = LOG_BYTES * 8 - 1;
        log.mark(last * PAGE, 10 * PAGE);
        assertThat(marked()).containsExactly(last);
        assertThat(log.covers(last * PAGE)).isTrue();
        assertThat(log.covers((last + 1) * PAGE)).isFalse();
    }

    @Test
    void aLogThatIsNotAlignedIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new DirtyLog(memory.address() + 4, 8));
        assertThatIllegalArgumentException().isThrownBy(() -> new DirtyLog(0, 8));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Features.IN_ORDER, Features.EVENT_IDX, Features.RING_PACKED,
        Features.RING_PACKED | Features.IN_ORDER | Features.EVENT_IDX})
    void buffersAndRingsThatAreWrittenAreMarkedAndNothingElse(long format) {
        long features = BASIC | format;
        VirtqueueLayout layout = ringOnPagesOfItsOwn(RingFormat.of(features));
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        long tables = guest.allocate(2 * PAGE);
        driver.useIndirectTables(guest.host(tables), tables, 4);
        Virtqueue device = guest.device(layout, features);
        device.log(log);
        long buffers = (guest.allocate(41 * PAGE) + PAGE - 1) & -PAGE;

        // One buffer; a chain of three; one that is not written to its end; one that is not used yet.
        driver.addWritable(buffers, 100);
        driver.addWritable(new long[] {buffers + 2 * PAGE, buffers + 4 * PAGE + 4090, buffers + 8 * PAGE},
            new int[] {200, 10, 4096}, 3);
        driver.addWritable(buffers + 10 * PAGE, (int) (4 * PAGE));
        driver.addWritable(buffers + 20 * PAGE, 100);
        driver.publish();
        assertThat(device.fetchWritable(burst, 3)).isEqualTo(3);
        device.use(burst.head(0), 64);
        device.use(burst.head(1), 211);
        device.use(burst.head(2), (int) PAGE + 1);
        assertThat(marked()).as("nothing before it is shown").isEmpty();
        device.publish();

        long first = page(buffers);
        Set<Long> expected = new TreeSet<>(Set.of(first, first + 2, first + 4, first + 5, first + 8, first + 10,
            first + 11));
        expected.addAll(written(layout));
        assertThat(marked()).isEqualTo(expected);

        device.publish();
        assertThat(marked()).as("nothing was used since").isEmpty();
        device.enableNotifications();
        assertThat(marked()).hasSize(1).isSubsetOf(suppression(layout));
        device.log(null);
        assertThat(device.fetchWritable(burst, 3)).isEqualTo(1);
        device.use(burst.head(0), 64);
        device.publish();
        assertThat(marked()).as("the log was taken away").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Features.IN_ORDER, Features.RING_PACKED, Features.RING_PACKED | Features.IN_ORDER})
    void framesThatAreReadMarkTheRingAlone(long format) {
        long features = BASIC | format;
        VirtqueueLayout layout = ringOnPagesOfItsOwn(RingFormat.of(features));
        VirtqueueDriver driver = VirtqueueDriver.of(layout, features);
        Virtqueue device = guest.device(layout, features);
        device.log(log);
        long buffer = guest.allocate(200);
        for (int i = 0; i < 100; i++) {
            driver.addReadable(buffer, 100);
            driver.addReadable(buffer, 100);
            driver.publish();
            assertThat(device.fetchReadable(burst, 3)).isEqualTo(2);
            device.use(burst, 0, 2);
            device.publish();
            assertThat(driver.pollUsed()).isNotNegative();
            assertThat(driver.pollUsed()).isNotNegative();
        }
        assertThat(marked()).isEqualTo(written(layout));
    }

    /** What is written of a ring, which is small. */
    private Set<Long> written(VirtqueueLayout layout) {
        return new TreeSet<>(Set.of(page(guestAddress(
            layout.format() == RingFormat.PACKED ? layout.descriptorTable() : layout.usedRing()))));
    }

    private Set<Long> suppression(VirtqueueLayout layout) {
        return new TreeSet<>(Set.of(page(guestAddress(layout.usedRing()))));
    }

    private long guestAddress(long host) {
        return guest.memory().guestAddress(host);
    }

    private VirtqueueLayout ringOnPagesOfItsOwn(RingFormat format) {
        long pages = guest.host((guest.allocate(4 * PAGE) + PAGE - 1) & -PAGE);
        return new VirtqueueLayout(format, SIZE, pages, pages + PAGE, pages + 2 * PAGE);
    }
}
