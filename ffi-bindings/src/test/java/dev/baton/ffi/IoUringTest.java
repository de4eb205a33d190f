package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Bursts of reads and writes in one call of the kernel, at a socket that is its own peer. */
@ExtendWith(NoLeaks.class)
@Timeout(60)
class IoUringTest {
    private static final int ROOM = 64;
    private static final int CAPACITY = 8;

    private final Fd socket = UnixSocket.loop();
    private final Mapping memory = Mapping.anonymous(4096);
    private final IovecArray list = new IovecArray(2);

    @AfterEach
    void close() {
        list.close();
        memory.close();
        socket.close();
    }

    private IoUring open(Fd file) {
        try {
            return IoUring.open(CAPACITY, file);
        } catch (SyscallException e) {
            Machine.needs(false, "io_uring");
            throw e;
        }
    }

    private long buffer(int index) {
        return memory.address() + (long) index * ROOM;
    }

    /** Far more bursts than the rings have places, of all lengths: indices wrap, results keep to their operations. */
    @Test
    void resultsAreInTheOrderOfTheOperations() {
        try (IoUring ring = open(socket)) {
            assertThat(ring.capacity()).isEqualTo(CAPACITY);
            for (int round = 0; round < 1000; round++) {
                int count = 1 + round % CAPACITY;
                for (int i = 0; i < count; i++) {
                    RawMemory.putLong(buffer(i), round * 100L + i);
                    ring.write(buffer(i), 8 + i);
                }
                assertThat(ring.submit()).isEqualTo(count);
                for (int i = 0; i < count; i++) {
                    assertThat(ring.result(i)).isEqualTo(8 + i);
                    ring.read(buffer(CAPACITY + i), ROOM);
                }
                assertThat(ring.submit()).isEqualTo(count);
                for (int i = 0; i < count; i++) {
                    assertThat(ring.result(i)).isEqualTo(8 + i);
                    assertThat(RawMemory.getLong(buffer(CAPACITY + i))).isEqualTo(round * 100L + i);
                }
            }
        }
    }

    @Test
    void nothingIsPutAsideToBeDoneLater() {
        try (IoUring ring = open(socket)) {
            ring.read(buffer(0), ROOM);
            ring.write(buffer(1), 10);
            ring.read(buffer(2), ROOM);
            ring.read(buffer(3), ROOM);
            assertThat(ring.submit()).isEqualTo(4);
            assertThat(ring.result(0)).isEqualTo(-Errno.EAGAIN);
            assertThat(ring.result(1)).isEqualTo(10);
            assertThat(ring.result(2)).isEqualTo(10);
            assertThat(ring.result(3)).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void listsAreGatheredAndScattered() {
        try (IoUring ring = open(socket)) {
            RawMemory.putLong(buffer(0), 0x1122334455667788L);
            list.set(0, buffer(0) + 4, 4);
            list.set(1, buffer(0), 4);
            ring.writev(list.address(), 2);
            assertThat(ring.submit()).isEqualTo(1);
            assertThat(ring.result(0)).isEqualTo(8);
            list.set(0, buffer(1), 2);
            list.set(1, buffer(2), 6);
            ring.readv(list.address(), 2);
            assertThat(ring.submit()).isEqualTo(1);
            assertThat(ring.result(0)).isEqualTo(8);
            assertThat(RawMemory.getShort(buffer(1))).isEqualTo((short) 0x3344);
            assertThat(RawMemory.getShort(buffer(2))).isEqualTo((short) 0x1122);
            assertThat(RawMemory.getInt(buffer(2) + 2)).isEqualTo(0x55667788);
        }
    }

    @Test
    void eachOperationFailsForItself() {
        try (IoUring ring = open(socket)) {
            ring.write(8, 10);
            ring.write(buffer(0), 10);
            ring.write(buffer(0), 1 << 30);
            assertThat(ring.submit()).isEqualTo(3);
            assertThat(ring.result(0)).isEqualTo(-Errno.EFAULT);
            assertThat(ring.result(1)).isEqualTo(10);
            assertThat(ring.result(2)).isNegative();
        }
    }

    @Test
    void anEmptyBurstIsNothing() {
        try (IoUring ring = open(socket)) {
            assertThat(ring.submit()).isZero();
        }
    }

    @Test
    void theFileIsTheRingsOwn() {
        Fd duplicate = socket.duplicate();
        IoUring ring = open(duplicate);
        duplicate.close();
        ring.write(buffer(0), 10);
        assertThat(ring.submit()).isEqualTo(1);
        assertThat(ring.result(0)).as("the ring has the file open itself").isEqualTo(10);
        ring.close();
        ring.close();
    }

    @Test
    void anotherThreadGoesOnWithIt() throws InterruptedException {
        try (IoUring ring = open(socket)) {
            ring.write(buffer(0), 10);
            assertThat(ring.submit()).isEqualTo(1);
            int[] result = new int[1];
            Thread thread = new Thread(() -> {
                ring.greet();
                ring.read(buffer(0), ROOM);
                ring.submit();
                result[0] = ring.result(0);
            });
            thread.start();
            thread.join();
            assertThat(result[0]).isEqualTo(10);
        }
    }

    @Test
    void whatTheKernelDoesNotTakeIsRefusedAndLeavesNothingOpen() {
        assertThatIllegalArgumentException().isThrownBy(() -> IoUring.open(3, socket));
        assertThatExceptionOfType(SyscallException.class).isThrownBy(() -> IoUring.open(1 << 30, socket));
    }
}
