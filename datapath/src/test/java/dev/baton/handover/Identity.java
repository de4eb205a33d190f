package dev.baton.handover;

import dev.baton.ffi.Fd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/** A record as text, in which a descriptor stands for what is open behind it, and not for its number. */
final class Identity {
    private Identity() {
    }

    static String of(Object value) {
        return switch (value) {
            case null -> "null";
            case Fd fd -> file(fd);
            case byte[] bytes -> HexFormat.of().formatHex(bytes);
            case List<?> list -> list.stream().map(Identity::of).toList().toString();
            case Record fields -> fields(fields);
            default -> value.toString();
        };
    }

    private static String fields(Record fields) {
        StringBuilder text = new StringBuilder(fields.getClass().getSimpleName());
        for (RecordComponent component : fields.getClass().getRecordComponents()) {
            try {
                text.append(' ').append(component.getName()).append('=')
                    .append(of(component.getAccessor().invoke(fields)));
            } catch (IllegalAccessException | InvocationTargetException e) {
                throw new LinkageError("" + e.getMessage(), e);
            }
        }
        return text.append('\n').toString();
    }

    /** Path or inode; for an eventfd, which has neither of its own, its number in the kernel. */
    private static String file(Fd fd) {
        try {
            String link = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.value())).toString();
            if (!link.endsWith("[eventfd]")) {
                return link;
            }
            return Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd.value())).stream()
                .filter(line -> line.startsWith("eventfd-id")).findFirst().orElse(link);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
