package dev.baton.vhostuser;

import dev.baton.ffi.EventFd;
import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.UnixSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Fuzz target: a front end says whatever some bytes say, with descriptors, while the device moves frames.
 *
 * <pre>
 *   steps, each
 *     0  kind          bits 0-5: code of a request, or 61 raw bytes, 62 write to memory, 63 the device works
 *                      bit 6: need_reply, bit 7: sent in two pieces
 *     1  descriptors   bits 0-3: how many, bits 4-7: which the first one is, of {@link #descriptors}
 *     2  length        of what follows; 255 stands for 264, a memory table of 8 regions
 *     3  ...           the body; raw bytes; or offset:16 and what is written there
 * </pre>
 *
 * <p>At the end everything must be as it was: rings stopped, nothing mapped, no descriptor open.
 */
public final class MessageStreamFuzz {
    private static final int RAW = 61;
    private static final int WRITE = 62;
    private static final int WORK = 63;
    private static final int STEP_BYTES = 3;
    private static final int LONG_BODY = 264;
    private static final int PAIRS = 2;
    private static final long FILE_BYTES = 1 << 16;

    private static final String SHARED = "fuzz-guest-";
    private static final Fd LOW = MemFd.create(SHARED + "low", FILE_BYTES);
    private static final Fd HIGH = MemFd.create(SHARED + "high", FILE_BYTES);
    private static final Mapping GUEST = Mapping.shared(LOW, 0, FILE_BYTES);
    private static final EventFd KICK = EventFd.create();
    private static final EventFd CALL = EventFd.create();
    private static final Fd SOCKET = UnixSocket.pair(UnixSocket.STREAM)[0];
    private static final List<String> OPEN = Resources.now().descriptors();

    private final ByteBuffer input;
    private final RecordingDevice checking = new RecordingDevice();
    private final EchoDevice working = new EchoDevice(PAIRS);
    private final BackendConnection backEnd;
    private final FrontEndChannel frontEnd;
    /** Whether a region was offered: to look for one that stays mapped takes longer than all the rest. */
    private boolean mayMap;

    private MessageStreamFuzz(ByteBuffer input) {
        this.input = input;
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        FileIo.setNonBlocking(pair[0], true);
        backEnd = new BackendConnection(pair[0], bothDevices());
        frontEnd = new FrontEnd(pair[1], Duration.ofSeconds(1)).channel();
    }

    /** Called by the fuzzer, and for every file of the corpus by a test. */
    public static void fuzzerTestOneInput(byte[] steps) {
        RawMemory.fill(GUEST.address(), FILE_BYTES, (byte) 0);
        CALL.drain();
        KICK.drain();
        int before = lowestFree();
        MessageStreamFuzz session = new MessageStreamFuzz(ByteBuffer.wrap(steps).order(ByteOrder.LITTLE_ENDIAN));
        try {
            session.run();
        } finally {
            session.end();
        }
        // The JVM opens files too, when it likes: only then is it worth to look at each.
        require(lowestFree() == before || Resources.now().descriptors().equals(OPEN), "a descriptor is left open");
        require(!session.mayMap || mapped() == 1, "something is left mapped");
    }

    /** Descriptors are given out from the lowest number on: one that is left open raises it. */
    private static int lowestFree() {
        try (Fd probe = LOW.duplicate()) {
            return probe.value();
        }
    }

    /** How often the memory that front ends share is mapped in this process. */
    private static long mapped() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.contains(SHARED)).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a front end may send: its own memory, and things that are no memory or no eventfd. */
    private static Fd[] descriptors() {
        return new Fd[] {LOW, HIGH, KICK.fd(), CALL.fd(), SOCKET};
    }

    /** The one insists on the order in which it is told, the other one does what it is told. */
    private BackendDevice bothDevices() {
        return (BackendDevice) Proxy.newProxyInstance(BackendDevice.class.getClassLoader(),
            new Class<?>[] {BackendDevice.class}, (proxy, method, arguments) -> {
                try {
                    method.invoke(checking, arguments);
                    return method.invoke(working, arguments);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            });
    }

    private void run() {
        try {
            boolean goesOn = true;
            while (goesOn && input.remaining() >= STEP_BYTES) {
                goesOn = step(input.get() & 0xFF, input.get() & 0xFF, input.get() & 0xFF);
            }
        } catch (ProtocolException ended) {
            require(("" + ended.getMessage()).startsWith(ended.kind().reason()), "" + ended);
        }
    }

    private boolean step(int kind, int descriptors, int length) throws ProtocolException {
        byte[] body = new byte[Math.min(input.remaining(), length == 255 ? LONG_BODY : length)];
        input.get(body);
        switch (kind & 0x3F) {
            case RAW -> {
                return send(kind, body, descriptors);
            }
            case WRITE -> write(body);
            case WORK -> work();
            default -> {
                Request request = Request.of(kind & 0x3F);
                mayMap |= request == Request.SET_MEM_TABLE || request == Request.ADD_MEM_REG
                    || request == Request.SET_INFLIGHT_FD;
                return send(kind, FrontEndChannel.encode(kind & 0x3F, (kind & 0x40) != 0, body), descriptors);
            }
        }
        return true;
    }

    private boolean send(int kind, byte[] message, int descriptors) throws ProtocolException {
        if (message.length == 0) {
            return true;
        }
        Fd[] attached = new Fd[descriptors & 0xF];
        Fd[] all = descriptors();
        for (int i = 0; i < attached.length; i++) {
            attached[i] = all[((descriptors >> 4) + i) % all.length];
        }
        int half = message.length / 2;
        if ((kind & 0x80) == 0 || half == 0) {
            frontEnd.send(message, attached);
            return backEnd.onReadable();
        }
        frontEnd.send(Arrays.copyOf(message, half), attached);
        boolean goesOn = backEnd.onReadable();
        if (goesOn) {
            frontEnd.send(Arrays.copyOfRange(message, half, message.length));
        }
        return goesOn && backEnd.onReadable();
    }

    private static void write(byte[] body) {
        if (body.length > 2) {
            long offset = ((body[0] & 0xFF) | (body[1] & 0xFF) << 8) % (FILE_BYTES - LONG_BODY);
            RawMemory.copyFromArray(body, 2, GUEST.address() + offset, body.length - 2);
        }
    }

    private void work() {
        try {
            working.doWork();
        } catch (IllegalStateException faulty) {
            require(("" + faulty.getMessage()).startsWith("pair "), "" + faulty);
        }
    }

    private void end() {
        frontEnd.close();
        backEnd.close();
        require(checking.running.isEmpty() && checking.stops == checking.starts, "a ring still runs");
        require(checking.disconnected, "the device was not told");
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
