package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
class FileIoTest {
    @TempDir
    Path directory;

    @Test
    void failureNamesCallErrorAndMeaning() {
        assertThatThrownBy(() -> FileIo.open("/no/such/file", FileIo.O_RDONLY, 0))
            .isInstanceOfSatisfying(SyscallException.class, e -> {
                assertThat(e).hasMessage("open(\"/no/such/file\"): ENOENT (No such file or directory)");
                assertThat(e.errno()).isEqualTo(Errno.ENOENT);
                assertThat(e.call()).isEqualTo("open(\"/no/such/file\")");
            });
    }

    @Test
    void createsWritesAndReads() throws Exception {
        Path path = directory.resolve("file");
        int flags = FileIo.O_RDWR | FileIo.O_CREAT | FileIo.O_EXCL;
        try (Fd fd = FileIo.open(path.toString(), flags, 0600); Mapping memory = Mapping.anonymous(4096)) {
            RawMemory.copyFromArray("baton".getBytes(StandardCharsets.US_ASCII), 0, memory.address(), 5);
            assertThat(FileIo.write(fd.value(), memory.address(), 5)).isEqualTo(5);
            assertThat(FileIo.size(fd)).isEqualTo(5);
            assertThat(FileIo.isRegularFile(fd)).isTrue();
            assertThat(FileIo.isSocket(fd)).isFalse();
            assertThat(FileIo.read(fd.value(), memory.address(), 5)).isZero();
            FileIo.truncate(fd, 3);
        }
        assertThat(Files.readString(path)).isEqualTo("bat");
        try (Fd fd = FileIo.open(path.toString(), FileIo.O_RDONLY, 0); Mapping memory = Mapping.anonymous(4096)) {
            assertThat(FileIo.read(fd.value(), memory.address(), 100)).isEqualTo(3);
            assertThat(RawMemory.getByte(memory.address() + 2)).isEqualTo((byte) 't');
            assertThat(FileIo.write(fd.value(), memory.address(), 1)).isEqualTo(-Errno.EBADF);
            assertThatThrownBy(() -> FileIo.truncate(fd, 0)).hasMessageContaining("ftruncate(0): EINVAL");
        }
    }

    @Test
    void gathersAndScatters() {
        try (Fd fd = MemFd.create("iov", 0); Mapping memory = Mapping.anonymous(4096);
            IovecArray list = new IovecArray(3)) {
            for (int i = 0; i < 3; i++) {
                list.set(i, memory.address() + 100L * i, i + 1);
                RawMemory.fill(memory.address() + 100L * i, i + 1, (byte) (i + 1));
            }
            assertThat(FileIo.writev(fd.value(), list.address(), 3)).isEqualTo(6);
            assertThat(FileIo.size(fd)).isEqualTo(6);
            try (Fd again = FileIo.open("/proc/self/fd/" + fd.value(), FileIo.O_RDWR, 0)) {
                list.set(0, memory.address() + 1000, 4);
                list.set(1, memory.address() + 2000, 4);
                assertThat(FileIo.readv(again.value(), list.address(), 2)).isEqualTo(6);
            }
            assertThat(RawMemory.getInt(memory.address() + 1000)).isEqualTo(0x03020201);
            assertThat(RawMemory.getShort(memory.address() + 2000)).isEqualTo((short) 0x0303);
        }
    }

    @Test
    void hotCallsReturnNegativeErrno() {
        assertThat(FileIo.read(-1, 0, 0)).isEqualTo(-Errno.EBADF);
        assertThat(FileIo.write(-1, 0, 0)).isEqualTo(-Errno.EBADF);
        assertThat(FileIo.readv(-1, 0, 1)).isEqualTo(-Errno.EBADF);
        assertThat(FileIo.writev(-1, 0, 1)).isEqualTo(-Errno.EBADF);
        try (EventFd event = EventFd.create()) {
            assertThat(FileIo.read(event.fd().value(), 8, 8)).isIn((long) -Errno.EAGAIN, (long) -Errno.EFAULT);
        }
    }

    @Test
    void switchesNonBlocking() {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd a = pair[0]; Fd b = pair[1]; Mapping memory = Mapping.anonymous(8)) {
            assertThat(FileIo.isSocket(a)).isTrue();
            assertThat(FileIo.isNonBlocking(a)).isFalse();
            FileIo.setNonBlocking(a, true);
            assertThat(FileIo.isNonBlocking(a)).isTrue();
            assertThat(FileIo.isNonBlocking(b)).isFalse();
            assertThat(FileIo.read(a.value(), memory.address(), 8)).isEqualTo(-Errno.EAGAIN);
            FileIo.setNonBlocking(a, false);
            assertThat(FileIo.isNonBlocking(a)).isFalse();
        }
    }

    @Test
    void tellsADuplicateFromASecondOpen() {
        try (Fd one = FileIo.open("/dev/null", FileIo.O_RDWR, 0); Fd same = one.duplicate();
            Fd second = FileIo.open("/dev/null", FileIo.O_RDWR, 0)) {
            assertThat(FileIo.isSameFile(one, second)).isTrue();
            Machine.needs(canTellDuplicates(one), "a kernel that can compare descriptors");
            assertThat(FileIo.isDuplicate(one, same)).isTrue();
            assertThat(FileIo.isDuplicate(same, one)).isTrue();
            assertThat(FileIo.isDuplicate(one, one)).isTrue();
            assertThat(FileIo.isDuplicate(one, second)).isFalse();
        }
    }

    @Test
    void filesOfOneDirectoryAreNotTheSame() {
        int flags = FileIo.O_RDWR | FileIo.O_CREAT;
        try (Fd a = FileIo.open(directory.resolve("a").toString(), flags, 0600);
            Fd b = FileIo.open(directory.resolve("b").toString(), flags, 0600);
            Fd again = FileIo.open(directory.resolve("a").toString(), FileIo.O_RDONLY, 0)) {
            assertThat(FileIo.isSameFile(a, b)).isFalse();
            assertThat(FileIo.isSameFile(a, again)).isTrue();
        }
    }

    private static boolean canTellDuplicates(Fd fd) {
        try {
            return FileIo.isDuplicate(fd, fd);
        } catch (SyscallException e) {
            assertThat(e.errno()).isEqualTo(Errno.EINVAL);
            return false;
        }
    }

    @Test
    void tellsDataFromHoles() {
        long page = Mapping.pageSize();
        try (Fd fd = MemFd.create("holes", 8 * page); Mapping memory = Mapping.shared(fd, 0, 8 * page)) {
            assertThat(FileIo.allocatedBytes(fd)).isZero();
            assertThat(FileIo.seekData(fd, 0)).isEqualTo(-Errno.ENXIO);
            RawMemory.putLong(memory.address() + 3 * page + 8, 1);
            RawMemory.putLong(memory.address() + 4 * page, 1);
            assertThat(FileIo.allocatedBytes(fd)).isEqualTo(2 * page);
            assertThat(FileIo.seekData(fd, 0)).isEqualTo(3 * page);
            assertThat(FileIo.seekHole(fd, 3 * page)).isEqualTo(5 * page);
            assertThat(FileIo.seekData(fd, 5 * page)).isEqualTo(-Errno.ENXIO);
            assertThat(FileIo.seekHole(fd, 9 * page)).isEqualTo(-Errno.ENXIO);
        }
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd a = pair[0]; Fd b = pair[1]) {
            assertThat(b.isOpen()).isTrue();
            assertThatThrownBy(() -> FileIo.seekData(a, 0)).hasMessageStartingWith("lseek(SEEK_DATA): ESPIPE");
            assertThatThrownBy(() -> FileIo.seekHole(a, 0)).hasMessageStartingWith("lseek(SEEK_HOLE): ESPIPE");
        }
    }
}
