package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A front end cuts its memory short while its virtqueue runs in compiled code. The JVM leaves out each load from there,
 * goes on with what the register held, and throws later: until then nothing of that may lead out of the guest's memory.
 */
@Timeout(120)
class CutMemoryTest {
    private static final int SIZE = 256;
    private static final int WARM_ROUNDS = 20_000;
    private static final int CUTS = 200;
    private static final long BYTES = 1 << 20;
    private static final long FEATURES = Features.VERSION_1 | Features.INDIRECT_DESC;

    private final ChainBurst burst = new ChainBurst(SIZE, 2 * SIZE);

    @Test
    void everyCutIsAnErrorAndNoCrash() {
        int errors = 0;
        for (int i = 0; i < CUTS; i++) {
            try (Fd file = MemFd.create("cut", BYTES); Mapping memory = Mapping.shared(file, 0, BYTES)) {
                VirtqueueLayout layout = VirtqueueLayout.contiguous(RingFormat.SPLIT, SIZE, memory.address());
                GuestMemory guest = GuestMemory.of(
                    List.of(new MemoryRegion(memory.address(), BYTES, memory.address(), memory.address())));
                SplitVirtqueue queue = new SplitVirtqueue(layout, guest, FEATURES, QueueState.fresh(RingFormat.SPLIT));
                if (i == 0) {
                    warm(queue, VirtqueueDriver.of(layout, FEATURES), memory.address() + BYTES / 2);
                    continue;
                }
                FileIo.truncate(file, 0);
                errors += fetch(queue) ? 0 : 1;
            }
        }
        assertThat(errors).isEqualTo(CUTS - 1);
    }

    /** The code that runs here is compiled, for both kinds of virtqueue. */
    private void warm(SplitVirtqueue queue, VirtqueueDriver driver, long buffer) {
        for (int round = 0; round < WARM_ROUNDS; round++) {
            driver.addReadable(buffer, 100);
            driver.addReadable(buffer, 100);
            driver.publish();
            int chains = queue.fetchReadable(burst, SIZE);
            for (int i = 0; i < chains; i++) {
                queue.use(burst.head(i), 0);
            }
            queue.publish();
            for (int head = driver.pollUsed(); head >= 0; head = driver.pollUsed()) {
                assertThat(head).isBetween(0, SIZE - 1);
            }
        }
    }

    /** False when it ended with the JVM's error, be it late. */
    private boolean fetch(SplitVirtqueue queue) {
        try {
            queue.fetchReadable(burst, SIZE);
            Thread.sleep(0);
            return true;
        } catch (InternalError e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }
}
