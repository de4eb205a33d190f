package dev.baton.ffi;

import static dev.baton.ffi.IoUringLayout.CQE;
import static dev.baton.ffi.IoUringLayout.PARAMS;
import static dev.baton.ffi.IoUringLayout.SQE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Many reads or writes of one file in one call of the kernel, see io_uring(7).
 *
 * <p><b>Theory of operation.</b> The kernel and this process share two rings: operations go in by one, what became of
 * them comes out by the other.
 *
 * <pre>
 *   entries      | opcode, buffer | opcode, buffer | ...      64 bytes each, written by the methods named after calls
 *                  ^ tail                 ^ tail + pending
 *   completions  | user_data, res | ...                       16 bytes each, twice as many as entries: never too few
 * </pre>
 *
 * <p>It is used one burst at a time. {@link #submit} hands over what was put since the last time and returns when all
 * of it is done, so that between two bursts nothing is on its way, and the ring holds nothing that anybody would miss.
 * For that no operation may wait: each of them has RWF_NOWAIT, without which the kernel would set an operation that has
 * to wait aside, O_NONBLOCK or not, and do it some time later. The operations are carried out in the order in which
 * they were put, by the thread that submits them.
 *
 * <p>What it saves is the way into the kernel and back, and the look-up of the file, which is registered. Buffers are
 * not registered: registering pins their pages, and when a guest gives pages back and takes others in their place (a
 * balloon does that) the ring would go on with those that it pinned first.
 *
 * <p>For one thread at a time, whichever. The hot methods check nothing, throw nothing and allocate nothing.
 */
public final class IoUring implements AutoCloseable {
    private static final int OP_READV = 1;
    private static final int OP_WRITEV = 2;
    private static final int OP_READ = 22;
    private static final int OP_WRITE = 23;
    private static final int REGISTER_FILES = 2;
    private static final int UNREGISTER_FILES = 3;
    private static final int REGISTER_RING_FDS = 20;
    private static final int UNREGISTER_RING_FDS = 21;
    /** IOSQE_FIXED_FILE: {@code fd} is the number of a registered file, here always 0. */
    private static final int FIXED_FILE = 1;

    private static final int FLAGS_SHIFT = 8;
    private static final int SQE_SHIFT = Long.numberOfTrailingZeros(SQE.byteSize());
    private static final int CQE_SHIFT = Long.numberOfTrailingZeros(CQE.byteSize());
    private static final long SQE_ADDR = IoUringLayout.offset(SQE, "addr");
    private static final long SQE_LEN = IoUringLayout.offset(SQE, "len");
    private static final long SQE_USER_DATA = IoUringLayout.offset(SQE, "user_data");
    private static final long CQE_RES = IoUringLayout.offset(CQE, "res");
    private static final long NO_WAIT = (long) FileIo.RWF_NOWAIT << Integer.SIZE;

    /** {@code struct io_uring_rsrc_update}: offset, reserved, data. */
    private static final int RING_UPDATE_BYTES = 16;

    private static final MethodHandle SETUP =
        Native.variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG);
    private static final MethodHandle ENTER = Native.plainVariadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_INT,
        JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle REGISTER =
        Native.variadic("syscall", 1, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);

    private final Fd fd;
    private final Mapping rings;
    private final Mapping entries;
    private final int fdValue;
    private final long entriesAddress;
    private final long submitTail;
    private final int submitMask;
    private final long completeHead;
    private final long completeTail;
    private final int completeMask;
    private final long completions;
    private final int[] results;
    private int tail;
    private int pending;
    private int seen;

    private IoUring(Fd fd, long params) {
        this.fd = fd;
        this.fdValue = fd.value();
        int submitEntries = get(params, "sq_entries");
        int completeEntries = get(params, "cq_entries");
        long list = get(params, "sq_off", "array");
        long first = get(params, "cq_off", "cqes");
        long bytes = Math.max(first + ((long) completeEntries << CQE_SHIFT),
            list + (long) submitEntries * Integer.BYTES);
        int access = Mapping.PROT_READ | Mapping.PROT_WRITE;
        int kind = Mapping.MAP_SHARED | Mapping.MAP_POPULATE;
        this.rings = Mapping.map(fd, IoUringLayout.OFF_SQ_RING, bytes, access, kind);
        try {
            this.entries =
                Mapping.map(fd, IoUringLayout.OFF_SQES, (long) submitEntries << SQE_SHIFT, access, kind);
        } catch (SyscallException e) {
            rings.close();
            throw e;
        }
        this.entriesAddress = entries.address();
        this.submitTail = rings.address() + get(params, "sq_off", "tail");
        this.submitMask = submitEntries - 1;
        this.completeHead = rings.address() + get(params, "cq_off", "head");
        this.completeTail = rings.address() + get(params, "cq_off", "tail");
        this.completeMask = completeEntries - 1;
        this.completions = rings.address() + first;
        this.results = new int[submitEntries];
        boolean listed = (get(params, "flags") & IoUringLayout.SETUP_NO_SQARRAY) == 0;
        for (int i = 0; i < submitEntries; i++) {
            RawMemory.putLong(entry(i) + SQE_USER_DATA, i);
            if (listed) {
                RawMemory.putInt(rings.address() + list + (long) i * Integer.BYTES, i);
            }
        }
    }

    /**
     * Makes a ring for one file, which it keeps open until {@link #close()}.
     *
     * @param capacity operations of a burst at most, a power of two
     * @throws SyscallException ENOSYS, EPERM or EINVAL where the kernel has no io_uring, keeps it from this process
     *     (kernel.io_uring_disabled, seccomp) or is older than Linux 5.18; ENOMEM, EMFILE
     */
    public static IoUring open(int capacity, Fd file) {
        if (capacity < 1 || Integer.bitCount(capacity) != 1) {
            throw new IllegalArgumentException("a ring of " + capacity + " operations");
        }
        try (Mapping params = Mapping.anonymous(PARAMS.byteSize())) {
            long address = params.address();
            long fd = setup(capacity, address, IoUringLayout.SETUP_SUBMIT_ALL | IoUringLayout.SETUP_NO_SQARRAY);
            if (fd == -Errno.EINVAL) {
                fd = setup(capacity, address, IoUringLayout.SETUP_SUBMIT_ALL);
            }
            Fd ring = Fd.adopt((int) SyscallException.check(fd, "io_uring_setup(" + capacity + ")"));
            try {
                return new IoUring(ring, address).forFile(file);
            } catch (SyscallException e) {
                ring.close();
                throw e;
            }
        }
    }

    private static long setup(int capacity, long params, int flags) {
        RawMemory.fill(params, PARAMS.byteSize(), (byte) 0);
        RawMemory.putInt(params + IoUringLayout.offset(PARAMS, "flags"), flags);
        MemorySegment state = Native.state();
        try {
            return Native.result((long) SETUP.invokeExact(state, IoUringLayout.SYS_SETUP, capacity, params), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private static int get(long params, String... path) {
        return RawMemory.getInt(params + IoUringLayout.offset(PARAMS, path));
    }

    private IoUring forFile(Fd file) {
        long scratch = Native.scratch();
        long result = file.use(value -> {
            RawMemory.putInt(scratch, value);
            return register(REGISTER_FILES, scratch, 1);
        });
        if (result < 0) {
            unmap();
        }
        SyscallException.check(result, "io_uring_register(IORING_REGISTER_FILES)");
        return this;
    }

    /** Operations of a burst at most. */
    public int capacity() {
        return results.length;
    }

    /** Hot: puts a read(2). */
    public void read(long address, long length) {
        put(OP_READ, address, length);
    }

    /** Hot: puts a write(2). */
    public void write(long address, long length) {
        put(OP_WRITE, address, length);
    }

    /** Hot: puts a readv(2) into entries of an {@link IovecArray}, which have to stay as they are until submitted. */
    public void readv(long iovAddress, int count) {
        put(OP_READV, iovAddress, count);
    }

    /** Hot: puts a writev(2), given as for {@link #readv}. */
    public void writev(long iovAddress, int count) {
        put(OP_WRITEV, iovAddress, count);
    }

    private void put(int opcode, long address, long length) {
        long entry = entry(tail + pending);
        RawMemory.putLong(entry, opcode | FIXED_FILE << FLAGS_SHIFT);
        RawMemory.putLong(entry + SQE_ADDR, address);
        RawMemory.putLong(entry + SQE_LEN, length | NO_WAIT);
        pending++;
    }

    private long entry(int index) {
        return entriesAddress + ((long) (index & submitMask) << SQE_SHIFT);
    }

    /**
     * Hot: has the kernel do what was put, and returns when that is done.
     *
     * @return how many operations were done, {@link #result} says how each; fewer than were put when the kernel has no
     *     memory for them: the rest is forgotten, and as if it had never been put
     */
    public int submit() {
        int put = pending;
        pending = 0;
        RawMemory.putIntRelease(submitTail, tail + put);
        int done = Math.max(0, (int) enter(put, put));
        int first = tail;
        tail += done;
        if (done < put) {
            RawMemory.putIntRelease(submitTail, tail);
        }
        int end = seen + done;
        while (reap(first) != end) {
            enter(0, end - seen);
        }
        return done;
    }

    /** Takes what is there; the kernel says by its entry which operation it is about. */
    private int reap(int first) {
        int end = RawMemory.getIntAcquire(completeTail);
        for (int i = seen; i != end; i++) {
            long completion = completions + ((long) (i & completeMask) << CQE_SHIFT);
            int entry = (int) RawMemory.getLong(completion);
            results[(entry - first) & submitMask] = RawMemory.getInt(completion + CQE_RES);
        }
        seen = end;
        RawMemory.putIntRelease(completeHead, end);
        return end;
    }

    /** Hot: what the operation that was put as number {@code index} of the burst returned, or its negative errno. */
    public int result(int index) {
        return results[index];
    }

    /**
     * Makes the calling thread known to the ring, which otherwise happens when it submits for the first time: up to
     * 100 us for its first ring, 2 us for another one. Another thread may use the ring meanwhile.
     */
    public void greet() {
        try (Mapping update = Mapping.anonymous(RING_UPDATE_BYTES)) {
            RawMemory.putInt(update.address(), -1);
            RawMemory.putLong(update.address() + Long.BYTES, fdValue);
            if (register(REGISTER_RING_FDS, update.address(), 1) == 1) {
                register(UNREGISTER_RING_FDS, update.address(), 1);
            }
        }
    }

    /** Lets go of the file at once, and of the rest. Idempotent. */
    @Override
    public void close() {
        if (fd.isOpen()) {
            // Closing the descriptor alone would leave the file open until the kernel gets around to it.
            register(UNREGISTER_FILES, 0, 0);
            unmap();
            fd.close();
        }
    }

    private void unmap() {
        entries.close();
        rings.close();
    }

    /** How many operations were taken over, -1 for none: why, makes no difference. */
    private long enter(int toSubmit, int toComplete) {
        try {
            return (long) ENTER.invokeExact(IoUringLayout.SYS_ENTER, fdValue, toSubmit, toComplete,
                IoUringLayout.ENTER_GETEVENTS, 0L, 0L);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }

    private long register(int opcode, long address, int count) {
        MemorySegment state = Native.state();
        try {
            return Native.result(
                (long) REGISTER.invokeExact(state, IoUringLayout.SYS_REGISTER, fdValue, opcode, address, count), state);
        } catch (Throwable e) {
            throw Native.unexpected(e);
        }
    }
}
