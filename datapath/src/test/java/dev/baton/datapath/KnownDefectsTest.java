package dev.baton.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.RawMemory;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.virtqueue.Features;
import dev.baton.virtqueue.VirtqueueDriver;
import dev.baton.virtqueue.VirtioNetHeader;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Frames with which guests brought down, or stalled, the switches of others, and what becomes of them between two of
 * Baton's guests. DPDK's defects are told by its own commits, QEMU's by the entries of the CVE list.
 */
@Timeout(60)
class KnownDefectsTest {
    private static final int FRAME_BYTES = 60;

    @TempDir
    private Path folder;

    private final Datapath datapath = Datapath.launch(DatapathConfig.defaults().withName("test"));
    private TestGuest sender;
    private TestGuest receiver;

    @BeforeEach
    void connect() throws ProtocolException {
        VhostUserPort a = datapath.add(VhostUserPortConfig.listen("a", folder.resolve("a")));
        VhostUserPort b = datapath.add(VhostUserPortConfig.listen("b", folder.resolve("b")));
        datapath.wire(a, b);
        sender = TestGuest.connect(a.socketPath());
        receiver = TestGuest.connect(b.socketPath(), 1, TestGuest.FEATURES & ~Features.MRG_RXBUF);
    }

    @AfterEach
    void framesStillPass() {
        SequencedFrames frames = new SequencedFrames();
        while (frames.received() < 300) {
            if (frames.sent() < 300) {
                frames.send(sender, 0, FRAME_BYTES);
            }
            receiver.receive(0, frames);
        }
        assertThat(frames.wrong()).isZero();
        sender.close();
        receiver.close();
        datapath.close();
    }

    /** DPDK's vhost lost its receive path over a header in more than two descriptors; and over a frame without data. */
    @Test
    @DisplayName("CVE-2022-2132: a header of twelve pieces, and a frame that is a header alone")
    void aHeaderInPiecesPassesAndAHeaderAloneIsARunt() {
        long at = sender.memory.allocate(4096, 64);
        VirtioNetHeader.plain(at);
        RawMemory.fill(at + VirtioNetHeader.LENGTH, FRAME_BYTES, (byte) 7);
        int pieces = VirtioNetHeader.LENGTH + 1;
        long[] addresses = new long[pieces];
        int[] lengths = new int[pieces];
        for (int i = 0; i < pieces; i++) {
            addresses[i] = sender.memory.guestOf(at + i);
            lengths[i] = i < VirtioNetHeader.LENGTH ? 1 : FRAME_BYTES;
        }
        VirtqueueDriver driver = sender.transmitq(0);
        driver.addReadable(addresses, lengths, pieces);
        driver.addReadable(sender.memory.guestOf(at), VirtioNetHeader.LENGTH);
        driver.publish();
        sender.transmitKick(0).signal();
        int[] length = new int[1];
        await(() -> receiver.receive(0, (address, bytes) -> {
            length[0] = bytes;
            assertThat(RawMemory.getByte(address)).isEqualTo((byte) 7);
            assertThat(RawMemory.getByte(address + bytes - 1)).isEqualTo((byte) 7);
        }) == 1);
        assertThat(length[0]).isEqualTo(FRAME_BYTES);
        await(() -> drops("a", "runt") == 1);
        takeBack(driver, 2);
    }

    /**
     * DPDK computed a checksum from where the header said, beyond the frame's end. Baton computes none: a frame whose
     * sender did not negotiate the offload is dropped; any other goes, as it is, to a receiver that asked for such.
     */
    @Test
    @DisplayName("CVE-2024-11614: a checksum that starts beyond the frame")
    void aChecksumBeyondTheFrameIsNotComputed() {
        long at = sender.memory.allocate(2048, 64);
        VirtqueueDriver driver = sender.transmitq(0);
        for (int start : new int[] {FRAME_BYTES, 1500, 0xFFFF}) {
            VirtioNetHeader.plain(at);
            RawMemory.putByte(at, (byte) VirtioNetHeader.NEEDS_CSUM);
            RawMemory.putShort(at + 6, (short) start);
            RawMemory.putShort(at + 8, (short) 0xFFFF);
            driver.addReadable(sender.memory.guestOf(at), VirtioNetHeader.LENGTH + FRAME_BYTES);
            driver.publish();
            sender.transmitKick(0).signal();
            takeBack(driver, 1);
        }
        await(() -> drops("b", "offload-not-negotiated") == 3);
    }

    /** QEMU stopped receiving for good when a frame was larger than the guest's buffers. Here it is dropped. */
    @Test
    @DisplayName("CVE-2015-7295: a frame larger than the receiver's buffers")
    void aFrameThatIsTooLargeForItsReceiverIsDropped() {
        long at = sender.memory.allocate(1 << 16, 64);
        VirtioNetHeader.plain(at);
        VirtqueueDriver driver = sender.transmitq(0);
        for (int length : new int[] {2037, 9000, 60_000}) {
            driver.addReadable(sender.memory.guestOf(at), VirtioNetHeader.LENGTH + length);
            driver.publish();
            sender.transmitKick(0).signal();
            takeBack(driver, 1);
        }
        await(() -> drops("b", "too-long") == 3);
    }

    private static void takeBack(VirtqueueDriver driver, int chains) {
        for (int back = 0; back < chains;) {
            back += driver.pollUsed() >= 0 ? 1 : 0;
        }
    }

    private long drops(String port, String reason) {
        PortStats stats = Objects.requireNonNull(datapath.counters().ports().get(port));
        return stats.rx().dropsByReason().getOrDefault(reason, 0L)
            + stats.tx().dropsByReason().getOrDefault(reason, 0L);
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }
}
