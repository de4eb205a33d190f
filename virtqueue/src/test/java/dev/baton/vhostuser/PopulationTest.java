package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class PopulationTest {
    private static final long PAGE = Mapping.pageSize();
    private static final long HUGE_PAGE = 2 << 20;

    /** Bytes of the mapping at this address that are in the page tables. */
    private static long resident(long address) throws IOException {
        List<String> lines = Files.readAllLines(Path.of("/proc/self/smaps"));
        int at = 0;
        while (!lines.get(at).startsWith(Long.toHexString(address) + "-")) {
            at++;
        }
        while (!lines.get(at).startsWith("Rss:")) {
            at++;
        }
        return Long.parseLong(lines.get(at).replaceAll("[^0-9]", "")) << 10;
    }

    @Test
    void restoredMemoryHasItsPagesAndNoOthers() throws Exception {
        try (Link link = Link.running(); SharedMemory big = SharedMemory.create(0x1_0000_0000L, 1L << 30)) {
            link.tell(Request.ADD_MEM_REG, Body.slot(big), big.file());
            LongStream.of(0, 1, 2, 77, 1000, (1L << 30) / PAGE - 1)
                .forEach(page -> RawMemory.putLong(big.hostAddress() + page * PAGE + 8, page));
            long allocated = FileIo.allocatedBytes(big.file());
            assertThat(allocated).isEqualTo(6 * PAGE);
            link.handOver(new RecordingDevice());
            assertThat(FileIo.allocatedBytes(big.file())).isEqualTo(allocated);
            long mapped = link.device.ring(0).memory().translate(big.guestAddress(), big.sizeBytes());
            assertThat(resident(mapped)).isEqualTo(allocated);
            assertThat(RawMemory.getLong(mapped + 77 * PAGE + 8)).isEqualTo(77);
        }
    }

    @Test
    void mappingOfAPartTakesItsPartOfTheData() throws Exception {
        try (Fd file = MemFd.create("baton-test", 16 * PAGE); Mapping whole = Mapping.shared(file, 0, 16 * PAGE)) {
            LongStream.of(1, 3, 4, 7, 9).forEach(page -> RawMemory.putLong(whole.address() + page * PAGE, page));
            try (Mapping part = Mapping.shared(file, 4 * PAGE, 4 * PAGE)) {
                assertThat(resident(part.address())).isZero();
                Population.populate(file, part, 4 * PAGE);
                assertThat(resident(part.address())).isEqualTo(2 * PAGE);
                assertThat(FileIo.allocatedBytes(file)).isEqualTo(5 * PAGE);
            }
        }
    }

    @Test
    void whatCannotBePopulatedIsLeftAlone() throws Exception {
        try (Fd file = MemFd.create("baton-test", 4 * PAGE); Mapping mapping = Mapping.shared(file, 0, 4 * PAGE)) {
            RawMemory.putLong(mapping.address(), 1);
            try (Mapping readOnly = Mapping.sharedReadOnly(file, 0, 4 * PAGE)) {
                Population.populate(file, readOnly, 0);
                assertThat(resident(readOnly.address())).isZero();
            }
        }
    }

    @Test
    void hugePagesThatNobodyTouchedAreNotTaken() throws Exception {
        try (Fd file = MemFd.create("baton-huge", 2 * HUGE_PAGE, MemFd.MFD_HUGETLB);
             Mapping mapping = Mapping.shared(file, 0, 2 * HUGE_PAGE)) {
            RawMemory.putLong(mapping.address(), 1);
            try (Mapping other = Mapping.shared(file, 0, 2 * HUGE_PAGE)) {
                Population.populate(file, other, 0);
                assertThat(FileIo.allocatedBytes(file)).isEqualTo(HUGE_PAGE);
                RawMemory.putLong(mapping.address() + HUGE_PAGE, 1);
                Population.populate(file, other, 0);
                assertThat(FileIo.allocatedBytes(file)).isEqualTo(2 * HUGE_PAGE);
            }
        } catch (SyscallException e) {
            Assumptions.abort("no huge pages: " + e.getMessage());
        }
    }
}
