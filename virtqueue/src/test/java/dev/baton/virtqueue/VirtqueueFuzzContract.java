package dev.baton.virtqueue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rings full of random rubbish: whatever the driver writes, also while the device reads, every segment lies inside
 * guest memory. The rings lie in guest memory too, so the device is made to write over them. Behind each region the
 * mapping has no file: a byte read or written there would end the test with a SIGBUS.
 */
@Timeout(120)
abstract class VirtqueueFuzzContract {
    private static final int TABLE_ENTRIES = 16;
    private static final int ROUNDS = 50_000;
    private static final int ENOUGH_SOUND = 1000;
    private static final long REGION = 4 * Mapping.pageSize();
    private static final long GUARD = 2 * Mapping.pageSize();
    private static final long LOW = 0x1_0000;
    private static final long HIGH = LOW + REGION;
    private static final long FAR = 0x10_0000;

    private final Mapping low = guarded();
    private final Mapping high = guarded();
    private final Mapping far = guarded();
    private final GuestMemory memory = GuestMemory.of(List.of(new MemoryRegion(LOW, REGION, 1, low.address()),
        new MemoryRegion(HIGH, REGION, 1, high.address()), new MemoryRegion(FAR, REGION, 1, far.address())));
    private final long features;
    private final Set<VirtqueueFault> expected;
    private final VirtqueueLayout layout;
    private final RawRing ring;
    private final ChainBurst burst = new ChainBurst(8, 1500);
    private final Set<VirtqueueFault> seen = EnumSet.noneOf(VirtqueueFault.class);
    private long chains;
    private byte last;

    /**
     * The contract for rings of this format and size.
     *
     * @param expected faults that so much rubbish is bound to bring about, beside those that every format knows
     */
    VirtqueueFuzzContract(RingFormat format, int size, Set<VirtqueueFault> expected) {
        features = Features.VERSION_1 | Features.INDIRECT_DESC | Features.EVENT_IDX
            | (format == RingFormat.PACKED ? Features.RING_PACKED : 0);
        this.expected = expected;
        long end = far.address() + REGION;
        layout = VirtqueueLayout.contiguous(format, size, end - VirtqueueLayout.contiguousBytes(format, size));
        ring = RawRing.of(layout);
    }

    /** At the beginning, or where a front end says, which knows as little as the driver. */
    private Virtqueue startedQueue(Random random) {
        int base = random.nextInt(layout.size()) | (random.nextBoolean() ? PackedPosition.WRAP : 0);
        return Virtqueue.of(layout, memory, features, random.nextInt(4) > 0 ? QueueState.fresh(layout.format())
            : QueueState.start(base, layout, features));
    }

    private static Mapping guarded() {
        try (Fd file = MemFd.create("fuzz", REGION)) {
            return Mapping.shared(file, 0, REGION + GUARD);
        }
    }

    @AfterEach
    void freeMemory() {
        burst.close();
        low.close();
        high.close();
        far.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void noRingLeadsOutOfGuestMemory(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            scribble(random, 40);
            ring.present(random);
            drive(startedQueue(random), random);
        }
        assertThat(chains).as("chains that were sound").isGreaterThan(ENOUGH_SOUND);
        assertThat(seen).containsAll(expected).contains(VirtqueueFault.CHAIN_TOO_LONG,
            VirtqueueFault.ADDRESS_OUTSIDE_MEMORY, VirtqueueFault.NESTED_INDIRECT, VirtqueueFault.INDIRECT_MISSHAPEN,
            VirtqueueFault.WRONG_DIRECTION, VirtqueueFault.FRAME_SHORTER_THAN_HEADER,
            VirtqueueFault.BUFFER_SHORTER_THAN_HEADER);
    }

    @Test
    void norDoesOneThatChangesWhileItIsRead() throws InterruptedException {
        AtomicBoolean done = new AtomicBoolean();
        Thread driver = new Thread(() -> {
            Random random = new Random(5);
            while (!done.get()) {
                scribble(random, 1);
            }
        });
        driver.start();
        try {
            Random random = new Random(6);
            // Where the two share a CPU, all rounds may see one and the same ring: until enough were sound.
            for (int round = 0; round < ROUNDS || chains <= ENOUGH_SOUND; round++) {
                ring.present(random);
                drive(startedQueue(random), random);
            }
        } finally {
            done.set(true);
            driver.join();
        }
        assertThat(last).isBetween(Byte.MIN_VALUE, Byte.MAX_VALUE);
    }

    private void drive(Virtqueue queue, Random random) {
        boolean writable = random.nextBoolean();
        for (int fetches = 0; fetches < 4; fetches++) {
            int count = writable ? queue.fetchWritable(burst, 8) : queue.fetchReadable(burst, 8);
            if (count == 0) {
                break;
            }
            for (int i = 0; i < count; i++) {
                check(i, writable, random);
                queue.use(burst.head(i), writable ? burst.lengthBytes(i) : 0);
            }
            queue.publish();
            chains += count;
        }
        if (queue.fault() != null) {
            seen.add(queue.fault());
        }
    }

    private void check(int chain, boolean writable, Random random) {
        long sum = 0;
        if (burst.segmentCount(chain) < 1 || burst.segmentCount(chain) > ChainBurst.MAX_SEGMENTS_PER_CHAIN) {
            throw new AssertionError(burst.segmentCount(chain) + " segments");
        }
        for (int s = burst.firstSegment(chain); s < burst.firstSegment(chain) + burst.segmentCount(chain); s++) {
            long base = burst.segmentBase(s);
            long length = burst.segmentLength(s);
            if (!inside(low, base, length) && !inside(high, base, length) && !inside(far, base, length)) {
                throw new AssertionError("segment at " + Long.toHexString(base) + ", " + length + " bytes");
            }
            if (writable) {
                RawMemory.fill(base, Math.min(length, 32), (byte) random.nextInt());
                RawMemory.putByte(base + length - 1, (byte) random.nextInt());
            } else {
                last = RawMemory.getByte(base + length - 1);
            }
            sum += length;
        }
        if (sum != burst.lengthBytes(chain) || sum < VirtioNetHeader.LENGTH) {
            throw new AssertionError(burst.lengthBytes(chain) + " bytes, its segments " + sum);
        }
    }

    private static boolean inside(Mapping region, long base, long length) {
        return length > 0 && base >= region.address() && base - region.address() <= REGION - length;
    }

    /** Writes so many random descriptors and ring entries. */
    private void scribble(Random random, int writes) {
        for (int i = 0; i < writes; i++) {
            long table = random.nextInt(3) == 0 ? layout.descriptorTable() : high.address() + 256L * random.nextInt(8);
            int entries = table == layout.descriptorTable() ? layout.size() : TABLE_ENTRIES;
            int flags = random.nextInt(4) == 0 ? random.nextInt(8) : random.nextInt(2) * RawRing.WRITE;
            ring.put(table, random.nextInt(entries), address(random), length(random), flags,
                random.nextInt(layout.size() + (random.nextInt(20) == 0 ? 5 : 0)));
            ring.offer(random);
        }
    }

    private static long address(Random random) {
        return switch (random.nextInt(12)) {
            case 0 -> random.nextLong();
            case 1 -> LOW + random.nextInt(64) - 32;
            case 2 -> HIGH + random.nextInt(64) - 32;
            case 3 -> HIGH + REGION - random.nextInt(64);
            case 4 -> FAR + REGION - random.nextInt(1024);
            case 5 -> Long.MAX_VALUE - random.nextInt(32);
            case 6, 7, 8 -> HIGH + 256L * random.nextInt(8);
            default -> LOW + random.nextInt((int) REGION - 128);
        };
    }

    private static long length(Random random) {
        return switch (random.nextInt(16)) {
            case 0 -> random.nextInt();
            case 1 -> 0xFFFF_FFFFL;
            case 2 -> 0;
            case 3 -> random.nextInt(16);
            case 4, 5, 6 -> 16L * (1 + random.nextInt(TABLE_ENTRIES));
            case 7 -> random.nextInt((int) (2 * REGION));
            default -> 12 + random.nextInt(100);
        };
    }
}
