package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class RawMemoryTest {
    private final Mapping memory = Mapping.anonymous(4096);
    private final long base = memory.address();

    @AfterEach
    void unmap() {
        memory.close();
    }

    @Test
    void isLittleEndianAndNeedsNoAlignment() {
        RawMemory.putLong(base + 1, 0x0807060504030201L);
        for (int i = 0; i < 8; i++) {
            assertThat(RawMemory.getByte(base + 1 + i)).isEqualTo((byte) (i + 1));
        }
        assertThat(RawMemory.getInt(base + 3)).isEqualTo(0x06050403);
        assertThat(RawMemory.getShort(base + 7)).isEqualTo((short) 0x0807);
        assertThat(RawMemory.getLong(base + 1)).isEqualTo(0x0807060504030201L);
        RawMemory.putInt(base + 1, -1);
        RawMemory.putShort(base + 5, (short) -2);
        RawMemory.putByte(base + 7, (byte) -3);
        assertThat(RawMemory.getLong(base + 1)).isEqualTo(0x08fdfffe_ffffffffL);
    }

    @Test
    void orderedAccessNeedsAlignment() {
        RawMemory.putShortRelease(base, (short) 0x1234);
        assertThat(RawMemory.getShortAcquire(base)).isEqualTo((short) 0x1234);
        RawMemory.putIntRelease(base + 4, 0x12345678);
        assertThat(RawMemory.getIntAcquire(base + 4)).isEqualTo(0x12345678);
        RawMemory.putLongRelease(base + 8, 0x123456789abcdef0L);
        assertThat(RawMemory.getLongAcquire(base + 8)).isEqualTo(0x123456789abcdef0L);
        assertThatThrownBy(() -> RawMemory.getShortAcquire(base + 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> RawMemory.putIntRelease(base + 2, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> RawMemory.getLongAcquire(base + 4)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void comparesAndSets() {
        assertThat(RawMemory.compareAndSetLong(base, 0, 7)).isTrue();
        assertThat(RawMemory.compareAndSetLong(base, 0, 8)).isFalse();
        assertThat(RawMemory.getLong(base)).isEqualTo(7);
        assertThat(RawMemory.compareAndSetInt(base, 7, 9)).isTrue();
        assertThat(RawMemory.getInt(base)).isEqualTo(9);
    }

    @Test
    void copiesAndFills() {
        byte[] bytes = {1, 2, 3, 4, 5};
        RawMemory.copyFromArray(bytes, 1, base, 4);
        RawMemory.copy(base, base + 2, 4);
        byte[] back = new byte[7];
        RawMemory.copyToArray(base, back, 1, 6);
        assertThat(back).containsExactly(0, 2, 3, 2, 3, 4, 5);
        RawMemory.fill(base + 1, 3, (byte) 9);
        assertThat(RawMemory.getLong(base)).isEqualTo(0x0000_0504_0909_0902L);
        assertThat(RawMemory.segment(base, 8).get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 9);
    }

    @Test
    void addressOutsideTheUserHalfIsOutOfBounds() {
        assertThatThrownBy(() -> RawMemory.getInt(-8)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> RawMemory.putLong(Long.MAX_VALUE, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void fileCutShortUnderTheMappingIsAnErrorNotACrash() {
        try (Fd fd = MemFd.create("cut", 4096); Mapping cut = Mapping.shared(fd, 0, 4096);
            EventFd event = EventFd.create()) {
            event.signal();
            FileIo.truncate(fd, 0);
            assertThatThrownBy(() -> RawMemory.getLong(cut.address())).isInstanceOf(InternalError.class);
            assertThatThrownBy(() -> RawMemory.putIntRelease(cut.address(), 1)).isInstanceOf(InternalError.class);
            assertThatThrownBy(() -> RawMemory.copy(base, cut.address(), 100)).isInstanceOf(InternalError.class);
            assertThat(FileIo.read(event.fd().value(), cut.address(), 8)).isEqualTo(-Errno.EFAULT);
        }
    }

    /** Compiled, access and catch are part of one method, and nothing in it but the check makes the JVM look. */
    @Test
    void errorOfAnAccessComesAtTheCheckAtTheLatest() {
        try (Fd fd = MemFd.create("cut", 4096); Mapping cut = Mapping.shared(fd, 0, 4096)) {
            FileIo.truncate(fd, 0);
            for (int round = 0; round < 5; round++) {
                assertThat(faults(base, cut.address(), 3_000_000)).isEqualTo(1);
            }
        }
    }

    private static int faults(long sound, long cut, int accesses) {
        int faults = 0;
        for (int i = 0; i < accesses; i++) {
            faults += faultsAt(sound);
        }
        return faults + faultsAt(cut);
    }

    private static int faultsAt(long address) {
        try {
            RawMemory.putLong(address, RawMemory.getLong(address) + 1);
            RawMemory.checkFault();
            return 0;
        } catch (InternalError e) {
            return 1;
        }
    }

    @Test
    void iovecArrayIsWhatTheKernelReads() {
        IovecArray list = new IovecArray(2);
        list.set(1, 0x1122334455667788L, 99);
        assertThat(list.capacity()).isEqualTo(2);
        assertThat(list.address(1)).isEqualTo(list.address() + 16);
        assertThat(RawMemory.getLong(list.address() + 16)).isEqualTo(0x1122334455667788L);
        assertThat(RawMemory.getLong(list.address() + 24)).isEqualTo(99);
        assertThat(list.base(1)).isEqualTo(0x1122334455667788L);
        assertThat(list.length(1)).isEqualTo(99);
        assertThatThrownBy(() -> list.set(2, 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
        list.close();
        list.close();
        assertThatThrownBy(() -> list.set(0, 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new IovecArray(0)).isInstanceOf(IllegalArgumentException.class);
    }
}
