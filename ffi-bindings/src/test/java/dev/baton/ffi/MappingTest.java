package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class MappingTest {
    private static boolean mapped(long address) throws Exception {
        return Files.readString(Path.of("/proc/self/maps")).lines()
            .anyMatch(line -> line.startsWith(Long.toHexString(address) + "-"));
    }

    @Test
    void sharedMappingsSeeEachOther() throws Exception {
        Fd fd = MemFd.create("baton-test", 3 * Mapping.pageSize());
        try (Mapping all = Mapping.shared(fd, 0, 3 * Mapping.pageSize());
            Mapping last = Mapping.sharedReadOnly(fd, 2 * Mapping.pageSize(), Mapping.pageSize())) {
            fd.close();
            RawMemory.putLong(all.address() + 2 * Mapping.pageSize() + 8, 4711);
            assertThat(RawMemory.getLong(last.address() + 8)).isEqualTo(4711);
            assertThat(all.length()).isEqualTo(3 * Mapping.pageSize());
            assertThat(Files.readString(Path.of("/proc/self/maps"))).contains("/memfd:baton-test");
            all.advise(Mapping.MADV_DONTDUMP);
            assertThatThrownBy(() -> all.advise(4711)).hasMessageContaining("madvise(4711): EINVAL");
        }
    }

    @Test
    void unmapsOnce() throws Exception {
        long megabyte = 1 << 20;
        Mapping mapping = Mapping.map(null, 0, megabyte, Mapping.PROT_READ, Mapping.MAP_SHARED | Mapping.MAP_ANONYMOUS);
        assertThat(mapped(mapping.address())).isTrue();
        mapping.close();
        assertThat(mapped(mapping.address())).isFalse();
        mapping.close();
        assertThat(mapping.isOpen()).isFalse();
        assertThatThrownBy(() -> mapping.advise(Mapping.MADV_DONTFORK)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void failureIsAnException() {
        assertThatThrownBy(() -> Mapping.anonymous(0)).hasMessage("mmap(0 bytes): EINVAL (Invalid argument)");
        try (Fd fd = MemFd.create("small", 100)) {
            assertThatThrownBy(() -> Mapping.shared(fd, 1, 10)).hasMessageContaining("EINVAL");
        }
        try (Fd fd = FileIo.open("/dev/null", FileIo.O_RDONLY, 0)) {
            assertThatThrownBy(() -> Mapping.shared(fd, 0, 10)).isInstanceOf(SyscallException.class);
        }
    }

    @Test
    void sealsForbidChanges() {
        int seals = MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW;
        try (Fd fd = MemFd.create("sealed", 4096, MemFd.MFD_ALLOW_SEALING)) {
            assertThat(MemFd.seals(fd)).isZero();
            MemFd.seal(fd, seals);
            assertThat(MemFd.seals(fd)).isEqualTo(seals);
            assertThatThrownBy(() -> FileIo.truncate(fd, 0)).hasMessageContaining("EPERM");
            assertThatThrownBy(() -> FileIo.truncate(fd, 8192)).hasMessageContaining("EPERM");
            assertThat(FileIo.size(fd)).isEqualTo(4096);
            MemFd.seal(fd, MemFd.F_SEAL_SEAL);
            assertThatThrownBy(() -> MemFd.seal(fd, MemFd.F_SEAL_WRITE))
                .hasMessage("fcntl(F_ADD_SEALS): EPERM (Operation not permitted)");
        }
    }

    @Test
    void memFdThatCannotHaveItsSizeIsClosed() {
        assertThatThrownBy(() -> MemFd.create("negative", -1)).hasMessageContaining("ftruncate(-1): EINVAL");
        assertThatThrownBy(() -> MemFd.create("x".repeat(300), 1)).hasMessageContaining("EINVAL");
    }

    @Test
    void memFdWithoutSealingTakesNoSeal() {
        try (Fd fd = MemFd.create("open", 10)) {
            assertThat(MemFd.seals(fd)).isEqualTo(MemFd.F_SEAL_SEAL);
            assertThatThrownBy(() -> MemFd.seal(fd, MemFd.F_SEAL_GROW)).hasMessageContaining("EPERM");
        }
    }

    @Test
    void advisesAboutAPart() {
        long page = Mapping.pageSize();
        try (Fd fd = MemFd.create("part", 8 * page); Mapping memory = Mapping.shared(fd, 0, 8 * page)) {
            memory.advise(2 * page, page, Mapping.MADV_POPULATE_WRITE);
            assertThat(FileIo.allocatedBytes(fd)).isEqualTo(page);
            assertThatThrownBy(() -> memory.advise(8 * page, page, Mapping.MADV_POPULATE_WRITE))
                .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }
}
