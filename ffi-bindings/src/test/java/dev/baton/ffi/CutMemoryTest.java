package dev.baton.ffi;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An access to memory whose file was cut short ends in an error, and not the JVM, in whatever way the JVM does it: the
 * interpreter by a function written in C++, the compilers by an instruction that they choose by what is done with the
 * value.
 */
class CutMemoryTest {
    private static final String DONE = "all accesses end in errors";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:-TieredCompilation"})
    void accessEndsInAnError(String mode) throws Exception {
        String output = child(mode);
        assertThat(output.lines().toList()).as(output).last().isEqualTo(DONE);
    }

    /** The checks above can fail: in this way the JVM does end. */
    @Test
    void jvmEndsAtAnInstructionThatItDoesNotKnow() throws Exception {
        assertThat(child("-Xint", "compareAndSet")).doesNotContain(DONE).contains("SIGBUS");
    }

    private String child(String mode, String... accesses) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(), mode, "-Xbatch",
            "-XX:ErrorFile=" + folder.resolve("error"), "-XX:-CreateCoredumpOnCrash",
            "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Child.class.getName()));
        command.add(mode.equals("-Xint") ? "1" : "30000");
        command.addAll(List.of(accesses));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return output;
    }

    /** Makes each access until it is compiled, and then once to memory that is gone. */
    static final class Child {
        private static final int BYTES = 4096;
        /** No constants: what is compared with them is not folded. */
        private static int some = 0x33;
        private static long much = 0x55;
        private static long sink;

        private Child() {
        }

        public static void main(String[] args) {
            int warm = Integer.parseInt(args[0]);
            Map<String, LongUnaryOperator> accesses = args.length > 1 ? Map.of(args[1], Child::compareAndSet) : all();
            accesses.forEach((name, access) -> {
                System.out.println(name);
                tryOne(access, warm);
            });
            System.out.println("their sum: " + sink);
            System.out.println(DONE);
        }

        private static void tryOne(LongUnaryOperator access, int warm) {
            try (Fd file = MemFd.create("cut", BYTES); Mapping cut = Mapping.shared(file, 0, BYTES);
                 Mapping sound = Mapping.anonymous(BYTES)) {
                for (int i = 0; i < warm; i++) {
                    sink += access.applyAsLong(sound.address());
                }
                FileIo.truncate(file, 0);
                boolean failed = false;
                try {
                    sink += access.applyAsLong(cut.address());
                    RawMemory.checkFault();
                } catch (InternalError e) {
                    failed = true;
                }
                if (!failed) {
                    throw new AssertionError("no error");
                }
            }
        }

        private static long compareAndSet(long address) {
            return RawMemory.compareAndSetLong(address, 0, much) ? 1 : 2;
        }

        private static Map<String, LongUnaryOperator> all() {
            Map<String, LongUnaryOperator> all = new LinkedHashMap<>();
            bytes(all);
            shorts(all);
            ints(all);
            longs(all);
            writes(all);
            pieces(all);
            return all;
        }

        private static void bytes(Map<String, LongUnaryOperator> all) {
            all.put("byte, bit", a -> (RawMemory.getByte(a) & 1) != 0 ? 1 : 2);
            all.put("byte, bit of the unsigned", a -> (RawMemory.getByte(a) & 0xFF & 2) == 0 ? 1 : 2);
            all.put("byte, bits", a -> (RawMemory.getByte(a) & 0xF0) == 0x60 ? 1 : 2);
            all.put("byte, all bits but one", a -> (RawMemory.getByte(a) & ~0x40) == 0x10 ? 1 : 2);
            all.put("byte, bits of a variable", a -> (RawMemory.getByte(a) & some) != 0 ? 1 : 2);
            all.put("byte, compared", a -> RawMemory.getByte(a) == 3 ? 1 : 2);
            all.put("byte, unsigned compared", a -> (RawMemory.getByte(a) & 0xFF) == 0x83 ? 1 : 2);
            all.put("byte, sign", a -> RawMemory.getByte(a) < 0 ? 1 : 2);
            all.put("byte, widened", RawMemory::getByte);
            all.put("byte, shifted", a -> RawMemory.getByte(a) >> 2 & 0x3C);
            all.put("byte, added up", a -> {
                int sum = 0;
                for (int i = 0; i < 512; i++) {
                    sum += RawMemory.getByte(a + i) & 0xFF;
                }
                return sum;
            });
        }

        private static void shorts(Map<String, LongUnaryOperator> all) {
            all.put("short, bit", a -> (RawMemory.getShort(a) & 1) != 0 ? 1 : 2);
            all.put("short, highest bit", a -> (RawMemory.getShort(a) & 0x8000) != 0 ? 1 : 2);
            all.put("short, compared", a -> RawMemory.getShort(a) == 0x1234 ? 1 : 2);
            all.put("short, unsigned compared", a -> (RawMemory.getShort(a) & 0xFFFF) == some ? 1 : 2);
            all.put("short, sign", a -> RawMemory.getShort(a) < 0 ? 1 : 2);
            all.put("short, widened", RawMemory::getShort);
            all.put("short, unsigned widened", a -> RawMemory.getShort(a) & 0xFFFFL);
            all.put("short, bytes swapped", a -> Short.reverseBytes(RawMemory.getShort(a)));
            all.put("short, not aligned", a -> RawMemory.getShort(a + 1));
            all.put("short, acquire", a -> (RawMemory.getShortAcquire(a) & 0xFFFF) - some);
            all.put("short, acquire, widened", RawMemory::getShortAcquire);
            all.put("short, acquire, bit", a -> (RawMemory.getShortAcquire(a) & 1) != 0 ? 1 : 2);
            all.put("short, added up", a -> {
                int sum = 0;
                for (int i = 0; i < 512; i += 2) {
                    sum += RawMemory.getShort(a + i) & 0xFFFF;
                }
                return sum;
            });
        }

        private static void ints(Map<String, LongUnaryOperator> all) {
            all.put("int, bit", a -> (RawMemory.getInt(a) & 1) != 0 ? 1 : 2);
            all.put("int, bits", a -> (RawMemory.getInt(a) & 0x123456) != 0 ? 1 : 2);
            all.put("int, compared", a -> RawMemory.getInt(a) == 0x123456 ? 1 : 2);
            all.put("int, compared with a variable", a -> RawMemory.getInt(a) < some ? 1 : 2);
            all.put("int, unsigned widened", a -> RawMemory.getInt(a) & 0xFFFF_FFFFL);
            all.put("int, unsigned compared", a -> (RawMemory.getInt(a) & 0xFFFF_FFFFL) < much ? 1 : 2);
            all.put("int, added", a -> RawMemory.getInt(a) + some);
            all.put("int, one byte of it", a -> (byte) RawMemory.getInt(a));
            all.put("int, bytes swapped", a -> Integer.reverseBytes(RawMemory.getInt(a)));
            all.put("int, not aligned", a -> RawMemory.getInt(a + 1) & 0xFFFF_FFFFL);
            all.put("int, acquire", a -> RawMemory.getIntAcquire(a) == some ? 1 : 2);
            all.put("int, added up", a -> {
                long sum = 0;
                for (int i = 0; i < 512; i += 4) {
                    sum += RawMemory.getInt(a + i) & 0xFFFF_FFFFL;
                }
                return sum;
            });
        }

        private static void longs(Map<String, LongUnaryOperator> all) {
            all.put("long, bit", a -> (RawMemory.getLong(a) & 1) != 0 ? 1 : 2);
            all.put("long, compared", a -> RawMemory.getLong(a) == 0x123456 ? 1 : 2);
            all.put("long, compared with a variable", a -> RawMemory.getLong(a) < much ? 1 : 2);
            all.put("long, bits of a variable", a -> (RawMemory.getLong(a) & much) != 0 ? 1 : 2);
            all.put("long, added", a -> RawMemory.getLong(a) + much);
            all.put("long, lower half", a -> (int) RawMemory.getLong(a));
            all.put("long, upper half", a -> RawMemory.getLong(a) >>> 32);
            all.put("long, upper short", a -> (short) (RawMemory.getLong(a) >>> 48));
            all.put("long, not aligned", a -> RawMemory.getLong(a + 1));
            all.put("long, acquire", RawMemory::getLongAcquire);
            all.put("long, added up", a -> {
                long sum = 0;
                for (int i = 0; i < 512; i += 8) {
                    sum += RawMemory.getLong(a + i);
                }
                return sum;
            });
        }

        private static void writes(Map<String, LongUnaryOperator> all) {
            write(all, "byte", a -> RawMemory.putByte(a, (byte) some));
            write(all, "byte, constant", a -> RawMemory.putByte(a, (byte) 7));
            write(all, "byte, bit set", a -> RawMemory.putByte(a, (byte) (RawMemory.getByte(a) | 1)));
            write(all, "short", a -> RawMemory.putShort(a, (short) some));
            write(all, "short, constant", a -> RawMemory.putShort(a, (short) 700));
            write(all, "short, counted up", a -> RawMemory.putShort(a, (short) (RawMemory.getShort(a) + 1)));
            write(all, "short, release", a -> RawMemory.putShortRelease(a, (short) some));
            write(all, "short, release, constant", a -> RawMemory.putShortRelease(a, (short) 700));
            write(all, "int", a -> RawMemory.putInt(a, some));
            write(all, "int, constant", a -> RawMemory.putInt(a, 700));
            write(all, "int, release", a -> RawMemory.putIntRelease(a, some));
            write(all, "int, added to", a -> RawMemory.putInt(a, RawMemory.getInt(a) + some));
            write(all, "long", a -> RawMemory.putLong(a, much));
            write(all, "long, small constant", a -> RawMemory.putLong(a, 700));
            write(all, "long, large constant", a -> RawMemory.putLong(a, 0x1234_5678_9abcL));
            write(all, "long, release", a -> RawMemory.putLongRelease(a, much));
            write(all, "12 zeros", a -> {
                RawMemory.putLong(a, 0);
                RawMemory.putInt(a + 8, 0);
            });
            write(all, "zeros", a -> {
                for (int i = 0; i < 512; i += 8) {
                    RawMemory.putLong(a + i, 0);
                }
            });
            all.put("bits set at once", a -> RawMemory.orLong(a, much));
        }

        private static void write(Map<String, LongUnaryOperator> all, String name, LongConsumer write) {
            all.put(name + ", written", a -> {
                write.accept(a);
                return 0;
            });
        }

        private static void pieces(Map<String, LongUnaryOperator> all) {
            byte[] array = new byte[100];
            write(all, "12 bytes of its own", a -> RawMemory.copy(a, a + 2048, 12));
            write(all, "bytes of its own", a -> RawMemory.copy(a, a + 2048, 100 + some));
            write(all, "words of its own", a -> {
                for (int i = 0; i < 512; i += 8) {
                    RawMemory.putLong(a + i, RawMemory.getLong(a + 2048 + i));
                }
            });
            write(all, "fill", a -> RawMemory.fill(a, 100, (byte) 1));
            write(all, "from an array", a -> RawMemory.copyFromArray(array, 0, a, 100));
            all.put("to an array", a -> {
                RawMemory.copyToArray(a, array, 0, 100);
                return array[50];
            });
        }

        private interface LongConsumer {
            void accept(long address);
        }
    }
}
