package dev.baton.vhostuser;

import dev.baton.ffi.Errno;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.virtqueue.Features;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The transfer of the back end's state on behalf of a front end that migrates (vhost-user, "Migrating back-end state").
 *
 * <p>Theory of operation. A network device has next to no state beside its rings, and where those stand GET_VRING_BASE
 * has told. What travels is what the next back end must be able to go on with, so that one that cannot says so before
 * the guest runs on it:
 *
 * <pre>
 *    0  magic     8   "BATONDEV"
 *    8  version   4   1; little-endian as all the others
 *   12  length    4   36
 *   16  features  8   the acked virtio features, without LOG_ALL and bit 30
 *   24  pairs     4   pairs of virtqueues of the device
 *   28  reserved  4   0
 *   32  checksum  4   CRC-32C of all before it
 * </pre>
 *
 * <p>The front end's channel is not used. It could fill it, stop reading it, or make it block at any time, because it
 * shares its open file description. A channel of our own, whose other end goes back with the reply, is allowed and has
 * none of that: a state that is saved fits into an empty socket, and one that is loaded is read when CHECK_DEVICE_STATE
 * comes, by when the front end has closed its end. Nothing here waits.
 */
final class DeviceState implements AutoCloseable {
    /** Directions of SET_DEVICE_STATE_FD. */
    static final int SAVE = 0;
    static final int LOAD = 1;
    /** The only phase: all rings are stopped. */
    static final int STOPPED = 0;
    /** In the reply to SET_DEVICE_STATE_FD: no descriptor comes with it. */
    static final long NO_DESCRIPTOR = 1L << 8;
    /** Any number but 0 in the lowest 8 bits. */
    static final long FAILED = 1;

    static final int BYTES = 36;

    private static final long MAGIC = 0x5645444E4F544142L;
    private static final int VERSION = 1;
    private static final int CHECKSUM_OFFSET = 32;

    private final BackendDevice device;
    /** What a front end that loads a state writes into; null: there is none, or it was saved. */
    private @Nullable Fd loading;
    private boolean saved;

    DeviceState(BackendDevice device) {
        this.device = device;
    }

    /** The bytes of the state of a device with these features and so many pairs. */
    static byte[] encode(long features, int pairs) {
        ByteBuffer state = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        state.putLong(MAGIC).putInt(VERSION).putInt(BYTES).putLong(lasting(features)).putInt(pairs).putInt(0);
        return state.putInt(checksum(state.array())).array();
    }

    private static int checksum(byte[] state) {
        CRC32C crc = new CRC32C();
        crc.update(state, 0, CHECKSUM_OFFSET);
        return (int) crc.getValue();
    }

    private static long lasting(long features) {
        return features & ~(Features.LOG_ALL | ProtocolFeatures.F_PROTOCOL_FEATURES);
    }

    /**
     * Begins a transfer, after which the one before it is over. One that cannot be is told by the reply, and the
     * session goes on.
     *
     * @param running whether a ring is running
     * @param features the acked features
     */
    Reply begin(int direction, int phase, boolean running, long features) {
        close();
        try {
            if (running) {
                throw new ProtocolException(ErrorKind.RING_REFUSED, "SET_DEVICE_STATE_FD: while a ring is running");
            }
            if ((direction != SAVE && direction != LOAD) || phase != STOPPED) {
                throw refused("direction " + direction + ", phase " + phase + ", where 0 or 1 and 0 are known");
            }
            return Reply.of(0, begin(direction == SAVE, features));
        } catch (ProtocolException e) {
            device.refused(e);
            return Reply.of(NO_DESCRIPTOR | FAILED);
        }
    }

    /** The front end's end of the channel. */
    private Fd begin(boolean save, long features) throws ProtocolException {
        try {
            Fd[] channel = UnixSocket.pair(UnixSocket.STREAM);
            try {
                FileIo.setNonBlocking(channel[0], true);
                if (save) {
                    write(channel[0], encode(features, device.maxQueuePairs()));
                }
            } catch (SyscallException e) {
                channel[0].close();
                channel[1].close();
                throw e;
            }
            saved = save;
            if (save) {
                channel[0].close();
            } else {
                loading = channel[0];
            }
            return channel[1];
        } catch (SyscallException e) {
            throw new ProtocolException(ErrorKind.OUT_OF_RESOURCES, "device state: " + e.getMessage(), e);
        }
    }

    private static void write(Fd channel, byte[] state) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(state.length);
            RawMemory.copyFromArray(state, 0, bytes.address(), state.length);
            SyscallException.check(FileIo.write(channel.value(), bytes.address(), BYTES), "write(device state)");
        }
    }

    /** The end of a transfer, whose result the reply tells: 0, or anything else. */
    Reply check(long offered) {
        try {
            end(offered, device.maxQueuePairs());
            return Reply.of(0);
        } catch (ProtocolException e) {
            device.refused(e);
            return Reply.of(FAILED);
        }
    }

    /**
     * Ends a transfer.
     *
     * @throws ProtocolException in one sentence: there was no transfer, the state is none, or it is that of a device
     *     with more than this one has
     */
    private void end(long offered, int pairs) throws ProtocolException {
        Fd channel = loading;
        if (channel == null) {
            if (!saved) {
                throw refused("no transfer was begun");
            }
            saved = false;
            return;
        }
        loading = null;
        byte[] state;
        try (channel) {
            state = readAll(channel);
        } catch (SyscallException e) {
            throw refused(String.valueOf(e.getMessage()));
        }
        ByteBuffer fields = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
        if (state.length != BYTES || fields.getLong() != MAGIC) {
            throw refused(state.length + (state.length > BYTES ? " bytes or more" : " bytes")
                + " that are no state of a Baton");
        }
        int version = fields.getInt();
        if (version != VERSION || fields.getInt() != BYTES) {
            throw refused("version " + Integer.toUnsignedString(version) + ", where " + VERSION + " is known");
        }
        if (fields.getInt(CHECKSUM_OFFSET) != checksum(state)) {
            throw refused("its checksum is wrong");
        }
        long missing = fields.getLong() & ~offered;
        int needed = fields.getInt();
        if (missing != 0 || needed < 1 || needed > pairs) {
            throw refused("it is of a device with " + Integer.toUnsignedString(needed) + " queue pairs, this one has "
                + pairs + "; features that are not offered here: " + Features.describe(missing));
        }
    }

    private static byte[] readAll(Fd channel) throws ProtocolException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(BYTES + 1);
            int length = 0;
            while (length <= BYTES) {
                long count = FileIo.read(channel.value(), bytes.address() + length, BYTES + 1 - length);
                if (count == -Errno.EAGAIN) {
                    throw refused("whoever wrote it has not closed the channel");
                }
                if (SyscallException.check(count, "read(device state)") == 0) {
                    break;
                }
                length += (int) count;
            }
            byte[] state = new byte[length];
            RawMemory.copyToArray(bytes.address(), state, 0, length);
            return state;
        }
    }

    private static ProtocolException refused(String why) {
        return new ProtocolException(ErrorKind.INVALID_VALUE, "device state: " + why);
    }

    /** Gives up a transfer that was begun. */
    @Override
    public void close() {
        Fd channel = loading;
        loading = null;
        saved = false;
        if (channel != null) {
            channel.close();
        }
    }
}
