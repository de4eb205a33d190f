package dev.baton.tools.control;

import dev.baton.ffi.Fd;
import dev.baton.ffi.FileIo;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.MemFd;
import dev.baton.ffi.RawMemory;
import dev.baton.tools.json.JsonReader;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A reply that is longer than a message can be: its text is in a memfd, which travels as the last descriptor, and the
 * message tells how long it is.
 *
 * <pre>
 *   {"inDescriptor": 1234567}
 * </pre>
 */
final class LongReply {
    private static final String KEY = "inDescriptor";

    private LongReply() {
    }

    /** The message and the descriptors for a text; the new descriptor among them is owned by the reply alone. */
    static ControlReply of(byte[] text) {
        Fd file = MemFd.create("baton-reply", text.length, MemFd.MFD_CLOEXEC | MemFd.MFD_ALLOW_SEALING);
        try (Mapping memory = Mapping.shared(file, 0, text.length)) {
            RawMemory.copyFromArray(text, 0, memory.address(), text.length);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
        MemFd.seal(file, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SEAL);
        return new ControlReply(Map.of(KEY, text.length), List.of(file));
    }

    /**
     * The text that a message stands for, whose descriptor is taken out of the list and closed.
     *
     * @return null when the message is the reply itself
     * @throws IllegalArgumentException when the descriptor does not hold what the message says
     */
    static byte @Nullable [] text(@Nullable Object message, List<Fd> descriptors) {
        if (!(JsonReader.at(message, KEY) instanceof Number length)) {
            return null;
        }
        if (descriptors.isEmpty()) {
            throw new IllegalArgumentException("a long reply without its descriptor");
        }
        try (Fd file = descriptors.removeLast()) {
            long bytes = length.longValue();
            if (bytes <= 0 || bytes > Integer.MAX_VALUE - 8 || FileIo.size(file) < bytes
                    || (MemFd.seals(file) & MemFd.F_SEAL_SHRINK) == 0) {
                throw new IllegalArgumentException("a long reply is not what its message says");
            }
            byte[] text = new byte[(int) bytes];
            try (Mapping memory = Mapping.sharedReadOnly(file, 0, bytes)) {
                RawMemory.copyToArray(memory.address(), text, 0, text.length);
            }
            return text;
        }
    }
}
