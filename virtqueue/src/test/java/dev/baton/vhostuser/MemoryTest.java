package dev.baton.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.virtqueue.GuestMemory;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MemoryTest {
    private static final long HUGE_PAGE = 2 << 20;

    private Resources before = Resources.now();

    @BeforeEach
    void count() {
        before = Resources.now();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(Resources.now()).isEqualTo(before);
    }

    /** A running session that acknowledges everything. */
    private static Link acknowledging() throws ProtocolException {
        Link link = Link.running();
        link.acknowledged = true;
        return link;
    }

    private static long add(Link link, Fd file, long guest, long size, long user, long offset)
        throws ProtocolException {
        return link.tell(Request.ADD_MEM_REG, Body.u64(0, guest, size, user, offset), file);
    }

    /** The front end may try again what this process had no descriptor for. */
    @Test
    void wantOfSomethingHereIsNoFaultOfTheFrontEnd() {
        assertThat(List.of(Errno.ENOMEM, Errno.EAGAIN, Errno.EMFILE, Errno.ENFILE)).allSatisfy(errno ->
            assertThat(ErrorKind.unmapped(new SyscallException("mmap", errno)).shouldReconnect()).isTrue());
        assertThat(ErrorKind.unmapped(new SyscallException("mmap", Errno.EACCES))).isEqualTo(ErrorKind.MEMORY_REFUSED);
    }

    @Test
    void regionIsSeenAtItsOffset() throws ProtocolException {
        try (Link link = Link.running(); Fd file = MemFd.create("baton-test", 20_000)) {
            // No page boundary: the front end's offset is whatever it is.
            add(link, file, 0x9000_0000L, 8000, 0x7000_0000_1234L, 5000);
            long last = link.device.ring(0).memory().translate(0x9000_0000L, 8000);
            assertThat(last).as("a ring keeps its table until it is told").isZero();
            link.startRing(2);
            GuestMemory memory = link.device.ring(2).memory();
            RawMemory.putLong(memory.translate(0x9000_0000L + 7992, 8), 0x1234_5678L);
            RawMemory.putLong(memory.translateUser(0x7000_0000_1234L, 8000), 0x9abcL);
            try (Mapping whole = Mapping.shared(file, 0, 20_000)) {
                assertThat(RawMemory.getLong(whole.address() + 5000 + 7992)).isEqualTo(0x1234_5678L);
                assertThat(RawMemory.getLong(whole.address() + 5000)).isEqualTo(0x9abcL);
            }
            assertThat(memory.translate(0x9000_0000L, 8001)).isZero();
        }
    }

    @Test
    void hugePagesAreMappedFromTheirOwnBoundaries() throws ProtocolException {
        Fd file;
        try {
            file = MemFd.create("baton-huge", 2 * HUGE_PAGE, MemFd.MFD_HUGETLB);
        } catch (SyscallException e) {
            Assumptions.abort("no huge pages: " + e.getMessage());
            return;
        }
        try (file; Link link = acknowledging()) {
            assertThat(FileIo.blockSize(file)).isEqualTo(HUGE_PAGE);
            long answer = add(link, file, 1L << 32, HUGE_PAGE, 1L << 40, 4096);
            Assumptions.assumeTrue(answer == 0, () -> "no huge pages: " + link.device.refusals);
            assertThat(link.tell(Request.REM_MEM_REG, Body.u64(0, 1L << 32, HUGE_PAGE, 1L << 40, 0))).isZero();
        }
    }

    @Test
    void regionThatCannotBeIsRefusedByName() throws ProtocolException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Link link = acknowledging(); Fd file = MemFd.create("baton-test", 16384);
             Fd socket = pair[0]; Fd peer = pair[1]) {
            assertThat(peer.isOpen()).isTrue();
            long guest = 0x9000_0000L;
            long user = 0x7000_0000_0000L;
            long[][] bad = {{guest, 16385, user, 0}, {guest, 16384, user, 1}, {guest, 1, user, 16384},
                {guest, 0, user, 0}, {guest, -1, user, 0}, {guest, 4096, user, -4096}, {-4096, 8192, user, 0},
                {Long.MAX_VALUE - 100, 4096, user, 0}, {guest, 4096, -4096, 0}, {guest, 4096, user, Long.MIN_VALUE},
                {guest, Long.MAX_VALUE, user, 4096}, {link.memory.guestAddress() + 4096, 4096, user, 0},
                {link.memory.guestAddress() - 4096, 8192, user, 0},
                {link.memory.guestAddress(), Link.MEMORY_BYTES, link.memory.userAddress() + 4096, 0}};
            for (long[] region : bad) {
                assertThat(add(link, file, region[0], region[1], region[2], region[3])).isNotZero();
                assertThat(link.device.refusals.getLast().kind()).isEqualTo(ErrorKind.MEMORY_REFUSED);
            }
            assertThat(link.device.refusals.getFirst()).hasMessageContaining(
                "region at guest address 0x90000000 of 0x4001 bytes: its file of 0x4000 bytes is too small");
            assertThat(add(link, socket, guest, 4096, user, 0)).isNotZero();
            assertThat(link.device.refusals.getLast()).hasMessageContaining("is no file");
            assertThat(link.tell(Request.REM_MEM_REG, Body.u64(0, guest, 4096, user, 0))).isNotZero();
            assertThat(link.device.events).isEmpty();
            assertThat(add(link, file, guest, 16384, user, 0)).isZero();
        }
    }

    @Test
    void fileThatMayNotBeWrittenIsRefused() throws ProtocolException {
        try (Link link = acknowledging(); Fd file = MemFd.create("baton-test", 4096, MemFd.MFD_ALLOW_SEALING)) {
            MemFd.seal(file, MemFd.F_SEAL_WRITE);
            assertThat(add(link, file, 0x9000_0000L, 4096, 0, 0)).isNotZero();
            assertThat(link.device.refusals.getLast()).hasMessageContaining("EPERM");
        }
    }

    @Test
    void identicalRegionIsTakenAsKnown() throws ProtocolException {
        try (Link link = acknowledging()) {
            for (int i = 0; i < 3; i++) {
                assertThat(link.tell(Request.ADD_MEM_REG, Body.slot(link.memory), link.memory.file())).isZero();
            }
            assertThat(link.device.events).isEmpty();
        }
    }

    @Test
    void wholeTableIsTakenOrNothing() throws ProtocolException {
        try (Link link = acknowledging(); SharedMemory good = SharedMemory.create(0x9000_0000L, 8192);
             Fd small = MemFd.create("baton-test", 100)) {
            byte[] body = Body.join(Body.u32(3, 0), Body.region(link.memory), Body.region(good),
                Body.u64(0xa000_0000L, 4096, 0, 0));
            assertThat(link.tell(Request.SET_MEM_TABLE, body, link.memory.file(), good.file(), small)).isNotZero();
            assertThat(link.device.events).isEmpty();
            assertThat(link.device.ring(0).memory().regions()).hasSize(1);
        }
    }

    @Test
    void runningRingsMoveBeforeTheOldTableIsUnmapped() throws ProtocolException {
        try (Link link = acknowledging(); SharedMemory more = SharedMemory.create(0x9000_0000L, 8192)) {
            long old = link.device.ring(0).layout().descriptorTable();
            RawMemory.putLong(link.rings.get(0).layout().descriptorTable(), 77);
            boolean[] told = new boolean[1];
            link.device.onMemoryChanged = () -> {
                told[0] = true;
                assertThat(RawMemory.getLong(old)).as("an agent may still be here").isEqualTo(77);
            };
            assertThat(link.tell(Request.SET_MEM_TABLE, Body.table(more, link.memory), more.file(),
                link.memory.file())).isZero();
            assertThat(told[0]).isTrue();
            assertThat(link.device.events).containsExactly("memory 2 regions, 2 rings");
            assertThat(Resources.now().mappings()).as("mapped at both ends").hasSize(before.mappings().size() + 4);
        }
    }

    @Test
    void addedRegionReachesRunningRingsAndLeavesTheirMappingAlone() throws ProtocolException {
        try (Link link = acknowledging(); SharedMemory more = SharedMemory.create(0x9000_0000L, 8192)) {
            List<String> mapped = Resources.now().mappings();
            assertThat(link.tell(Request.ADD_MEM_REG, Body.slot(more), more.file())).isZero();
            assertThat(Resources.now().mappings()).containsAll(mapped).hasSize(mapped.size() + 1);
            assertThat(link.tell(Request.REM_MEM_REG, Body.slot(more), more.file())).isZero();
            assertThat(Resources.now().mappings()).isEqualTo(mapped);
            assertThat(link.device.events)
                .containsExactly("memory 2 regions, 2 rings", "memory 1 regions, 2 rings");
        }
    }

    @Test
    void memoryThatARunningRingNeedsStays() throws ProtocolException {
        try (Link link = acknowledging(); SharedMemory other = SharedMemory.create(0x9000_0000L, 8192)) {
            assertThat(link.tell(Request.REM_MEM_REG, Body.slot(link.memory))).isNotZero();
            assertThat(link.tell(Request.SET_MEM_TABLE, Body.table(other), other.file())).isNotZero();
            assertThat(link.tell(Request.SET_MEM_TABLE, Body.table())).isNotZero();
            assertThat(link.device.refusals).extracting(ProtocolException::kind)
                .containsOnly(ErrorKind.MEMORY_REFUSED).hasSize(3);
            assertThat(link.device.refusals.getFirst()).hasMessageContaining("ring 0");
            link.stopRing(0);
            link.stopRing(1);
            assertThat(link.tell(Request.REM_MEM_REG, Body.slot(link.memory))).isZero();
            assertThat(Resources.now().mappings()).hasSize(before.mappings().size() + 2);
        }
    }

    /** As procfs does here, a front end's own file system could answer a page fault when it likes. */
    @Test
    void fileOfAFileSystemThatIsServedIsRefused() throws ProtocolException {
        try (Link link = acknowledging(); Fd file = FileIo.open("/proc/self/maps", FileIo.O_RDONLY, 0)) {
            assertThat(FileIo.isRegularFile(file)).isTrue();
            assertThat(add(link, file, 0x9000_0000L, 4096, 1L << 52, 0)).isNotZero();
            assertThat(link.device.refusals.getLast()).hasMessageContaining("neither in memory nor on a disk");
        }
    }

    @Test
    void thereAreAsManySlotsAsIsTold() throws ProtocolException {
        try (Link link = acknowledging(); Fd file = MemFd.create("baton-test", 4096)) {
            int slots = (int) link.ask(Request.GET_MAX_MEM_SLOTS, Body.EMPTY);
            for (int i = 1; i < slots; i++) {
                assertThat(add(link, file, 0x9000_0000L + 8192L * i, 4096, (1L << 50) + 8192L * i, 0)).isZero();
            }
            assertThat(add(link, file, 0x8000_0000L, 4096, 1L << 52, 0)).isNotZero();
            assertThat(link.device.refusals.getLast()).hasMessageContaining("509 regions already");
        }
    }

    @Test
    void deviceThatFailsAtTheChangeLosesTheConnectionAndNothingElse() throws ProtocolException {
        try (Link link = acknowledging(); SharedMemory more = SharedMemory.create(0x9000_0000L, 8192)) {
            link.device.onMemoryChanged = () -> {
                throw new IllegalStateException("agent does not answer");
            };
            assertThatThrownBy(() -> link.tell(Request.ADD_MEM_REG, Body.slot(more), more.file()))
                .isInstanceOfSatisfying(ProtocolException.class,
                    e -> assertThat(e.kind()).isEqualTo(ErrorKind.DEVICE_FAILED));
            assertThat(link.channel.receive(Request.ADD_MEM_REG)).isNotZero();
        }
    }
}
