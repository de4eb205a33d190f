package dev.baton.coalesce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.IovecArray;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.virtqueue.VirtioNetHeader;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whose word is taken for a checksum. What else makes a run, {@code CoalescingTest} and its neighbours show. */
class FlowHeadersTest {
    /** From 10.0.0.1 to 10.0.0.2, 18 bytes of UDP, all checksums right. */
    private static final byte[] DATAGRAM = HexFormat.of().parseHex("02000000000102000000000208004500002e0000"
        + "4000401126bd0a0000010a00000200090009001aeba5000000000000000000000000000000000000");
    private static final int LENGTH = VirtioNetHeader.LENGTH + DATAGRAM.length;
    private static final int CHECKSUM = VirtioNetHeader.LENGTH + 40;

    private final FlowHeaders headers = new FlowHeaders();
    private final Mapping memory = Mapping.anonymous(LENGTH);
    private final IovecArray list = new IovecArray(2);

    @BeforeEach
    void write() {
        headers.takes(true, false, false);
        RawMemory.copyFromArray(DATAGRAM, 0, memory.address() + VirtioNetHeader.LENGTH, DATAGRAM.length);
        // With the payload behind the headers or apart, at an odd place.
        list.set(0, memory.address(), LENGTH - 17);
        list.set(1, memory.address() + LENGTH - 17, 4096);
    }

    @AfterEach
    void close() {
        headers.close();
        memory.close();
        list.close();
    }

    private boolean begins(int flags) {
        VirtioNetHeader.flags(memory.address(), flags);
        return headers.begin(memory.address(), LENGTH, LENGTH, Integer.MAX_VALUE);
    }

    private boolean isRight() {
        return headers.isChecksumRight(list, 0, LENGTH);
    }

    @Test
    void aChecksumIsSummedUp() {
        assertThat(begins(0)).isTrue();
        assertThat(isRight()).isTrue();
        RawMemory.putByte(memory.address() + CHECKSUM, (byte) 7);
        assertThat(begins(0)).as("by its headers").isTrue();
        assertThat(isRight()).isFalse();
    }

    @Test
    void aGuestCannotVouchForAChecksum() {
        assertThat(begins(VirtioNetHeader.DATA_VALID)).isFalse();
    }

    @Test
    void theKernelCan() {
        headers.verified(true);
        RawMemory.putByte(memory.address() + CHECKSUM, (byte) 7);
        assertThat(begins(VirtioNetHeader.DATA_VALID)).isTrue();
        assertThat(isRight()).isTrue();
        assertThat(begins(0)).isTrue();
        assertThat(isRight()).as("without its word").isFalse();
        assertThat(begins(VirtioNetHeader.DATA_VALID | VirtioNetHeader.NEEDS_CSUM)).as("two at a time").isFalse();
    }

    @Test
    void whoMayNotLeaveAChecksumBeginsNoRunWithOneThatIsLeft() {
        RawMemory.putShort(memory.address() + VirtioNetHeader.CSUM_START_OFFSET, (short) 34);
        RawMemory.putShort(memory.address() + VirtioNetHeader.CSUM_OFFSET_OFFSET, (short) 6);
        assertThat(begins(VirtioNetHeader.NEEDS_CSUM)).isTrue();
        assertThat(isRight()).as("the sum of the pseudo header is not there").isFalse();
        headers.partial(false);
        assertThat(begins(VirtioNetHeader.NEEDS_CSUM)).isFalse();
    }
}
