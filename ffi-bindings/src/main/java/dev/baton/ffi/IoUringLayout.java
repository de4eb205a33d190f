package dev.baton.ffi;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/**
 * Numbers and layouts of io_uring(7), from include/uapi/linux/io_uring.h. The operations and what can be registered are
 * enumerators in C; they stand in {@link IoUring}.
 */
@CHeader(value = {"linux/io_uring.h", "sys/syscall.h"}, prefix = "IORING_", mayLack = "IORING_SETUP_NO_SQARRAY")
final class IoUringLayout {
    @CName("SYS_io_uring_setup")
    static final long SYS_SETUP = 425;
    @CName("SYS_io_uring_enter")
    static final long SYS_ENTER = 426;
    @CName("SYS_io_uring_register")
    static final long SYS_REGISTER = 427;

    /** An operation that cannot begin does not keep the rest from being submitted; since Linux 5.18. */
    static final int SETUP_SUBMIT_ALL = 1 << 7;
    /** Entries are taken in the order in which they lie, without a list that says so; since Linux 6.6. */
    static final int SETUP_NO_SQARRAY = 1 << 16;

    static final int ENTER_GETEVENTS = 1;
    static final long OFF_SQ_RING = 0;
    static final long OFF_SQES = 0x10000000;

    static final StructLayout SQ_OFFSETS = MemoryLayout.structLayout(JAVA_INT.withName("head"),
        JAVA_INT.withName("tail"), JAVA_INT.withName("ring_mask"), JAVA_INT.withName("ring_entries"),
        JAVA_INT.withName("flags"), JAVA_INT.withName("dropped"), JAVA_INT.withName("array"),
        MemoryLayout.paddingLayout(12)).withName("io_sqring_offsets");

    static final StructLayout CQ_OFFSETS = MemoryLayout.structLayout(JAVA_INT.withName("head"),
        JAVA_INT.withName("tail"), JAVA_INT.withName("ring_mask"), JAVA_INT.withName("ring_entries"),
        JAVA_INT.withName("overflow"), JAVA_INT.withName("cqes"), JAVA_INT.withName("flags"),
        MemoryLayout.paddingLayout(12)).withName("io_cqring_offsets");

    static final StructLayout PARAMS = MemoryLayout.structLayout(JAVA_INT.withName("sq_entries"),
        JAVA_INT.withName("cq_entries"), JAVA_INT.withName("flags"), JAVA_INT.withName("sq_thread_cpu"),
        JAVA_INT.withName("sq_thread_idle"), JAVA_INT.withName("features"), JAVA_INT.withName("wq_fd"),
        MemoryLayout.paddingLayout(12), SQ_OFFSETS.withName("sq_off"), CQ_OFFSETS.withName("cq_off"))
        .withName("io_uring_params");

    /** An operation as it is submitted. */
    static final StructLayout SQE = MemoryLayout.structLayout(JAVA_BYTE.withName("opcode"),
        JAVA_BYTE.withName("flags"), JAVA_SHORT.withName("ioprio"), JAVA_INT.withName("fd"),
        JAVA_LONG.withName("off"), JAVA_LONG.withName("addr"), JAVA_INT.withName("len"),
        JAVA_INT.withName("rw_flags"), JAVA_LONG.withName("user_data"), MemoryLayout.paddingLayout(24))
        .withName("io_uring_sqe");

    /** What became of one. */
    static final StructLayout CQE = MemoryLayout.structLayout(JAVA_LONG.withName("user_data"),
        JAVA_INT.withName("res"), JAVA_INT.withName("flags")).withName("io_uring_cqe");

    private IoUringLayout() {
    }

    static long offset(StructLayout struct, String... path) {
        MemoryLayout layout = struct;
        long offset = 0;
        for (String name : path) {
            offset += layout.byteOffset(groupElement(name));
            layout = layout.select(groupElement(name));
        }
        return offset;
    }
}
