package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares every constant, struct offset and size of the bindings with the C headers of this machine. */
class CHeadersTest {
    private static final String BEGIN = """
        #define _GNU_SOURCE
        #include <stddef.h>
        #include <stdio.h>
        #include <string.h>
        """;

    @TempDir
    Path directory;

    static List<Class<?>> bindings() throws Exception {
        Path classes = Path.of(Native.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (Stream<Path> files = Files.list(classes.resolve("dev/baton/ffi"))) {
            return files.map(file -> file.getFileName().toString())
                .filter(name -> name.endsWith(".class") && !name.endsWith("-info.class"))
                .sorted()
                .<Class<?>>map(name -> load("dev.baton.ffi." + name.substring(0, name.length() - ".class".length())))
                .filter(type -> type.isAnnotationPresent(CHeader.class))
                .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("bindings")
    void constantsAndLayoutsAreThoseOfTheHeaders(Class<?> binding) throws Exception {
        Map<String, Long> expected = new LinkedHashMap<>();
        StringBuilder program = begin(binding);
        for (Field field : binding.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers()) || Modifier.isPrivate(field.getModifiers())) {
                continue;
            }
            if (field.getType() == int.class || field.getType() == long.class) {
                String name = nameInC(binding, field);
                expected.put(name, number(field));
                program.append("#ifdef %s\n".formatted(name)).append(print(name, name)).append("#endif\n");
            } else if (field.get(null) instanceof StructLayout layout) {
                describe(layout, expected, program);
            }
        }
        Map<String, Long> actual = run(program);
        Set<String> mayLack = Set.of(binding.getAnnotation(CHeader.class).mayLack());
        expected.keySet().removeIf(name -> mayLack.contains(name) && !actual.containsKey(name));

        assertThat(expected).isNotEmpty();
        assertThat(actual).isEqualTo(expected);
    }

    @Test
    void everyErrorHasItsNameAndText() throws Exception {
        StringBuilder program = begin(Errno.class);
        Map<String, Long> expected = new LinkedHashMap<>();
        for (int errno = 1; errno <= 133; errno++) {
            String name = Errno.name(errno);
            if (!name.startsWith("errno ")) {
                expected.put(name, (long) errno);
                program.append(print(name, name));
                program.append("if (strcmp(strerror(%d), \"%s\")) %s".formatted(
                    errno, Errno.describe(errno), print("text_of_" + name, "0")));
            } else {
                program.append("if (!strstr(strerror(%d), \"Unknown\")) %s".formatted(
                    errno, print("missing_" + errno, "0")));
            }
        }
        assertThat(run(program)).isEqualTo(expected);
    }

    @Test
    void findsTheBindings() throws Exception {
        assertThat(bindings()).contains(
            Errno.class, FileIo.class, Mapping.class, MemFd.class, UnixSocket.class, TunTap.class, NetDevice.class);
    }

    /** One line for the struct and each member; bit fields and padding have no name. */
    private static void describe(StructLayout layout, Map<String, Long> expected, StringBuilder program) {
        String struct = layout.name().orElseThrow();
        expected.put("sizeof_" + struct, layout.byteSize());
        program.append(print("sizeof_" + struct, "sizeof(struct " + struct + ")"));
        for (MemoryLayout member : layout.memberLayouts()) {
            member.name().ifPresent(name -> {
                String label = struct + "." + name;
                expected.put("offset_" + label,
                    layout.byteOffset(MemoryLayout.PathElement.groupElement(name)));
                expected.put("size_" + label, member.byteSize());
                program.append(print("offset_" + label, "offsetof(struct %s, %s)".formatted(struct, name)));
                program.append(print("size_" + label, "sizeof(((struct %s *) 0)->%s)".formatted(struct, name)));
            });
        }
    }

    private static StringBuilder begin(Class<?> binding) {
        String includes = Arrays.stream(binding.getAnnotation(CHeader.class).value())
            .map("#include <%s>\n"::formatted).collect(Collectors.joining());
        return new StringBuilder(BEGIN).append(includes).append("int main(void) {\n");
    }

    private static String print(String label, String expression) {
        return "printf(\"%s %%lld\\n\", (long long) (%s));\n".formatted(label, expression);
    }

    private Map<String, Long> run(StringBuilder program) throws Exception {
        Machine.needs(hasCompiler(), "a C compiler");
        Path source = directory.resolve("table.c");
        Files.writeString(source, program.append("return 0;\n}\n"));
        output("cc", "-w", "-o", directory.resolve("table").toString(), source.toString());
        return output(directory.resolve("table").toString()).lines().map(line -> line.split(" "))
            .collect(Collectors.toMap(pair -> pair[0], pair -> Long.valueOf(pair[1])));
    }

    private static boolean hasCompiler() throws InterruptedException {
        try {
            return new ProcessBuilder("cc", "--version").redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private static String output(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output;
    }

    private static String nameInC(Class<?> binding, Field field) {
        CName name = field.getAnnotation(CName.class);
        return name != null ? name.value() : binding.getAnnotation(CHeader.class).prefix() + field.getName();
    }

    /** Flags of 32 bits are unsigned in C where they are, bit for bit, an int in Java. */
    private static long number(Field field) throws IllegalAccessException {
        boolean flag = field.getName().equals("ET");
        return flag ? Integer.toUnsignedLong(field.getInt(null)) : ((Number) field.get(null)).longValue();
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }
}
