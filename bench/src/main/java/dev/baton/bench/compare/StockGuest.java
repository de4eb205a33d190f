package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A stock Linux guest in QEMU with emulated processors: the one that the tests with real clients have, which
 * {@code .ci/clients} makes. Its console takes a line of shell at a time.
 */
final class StockGuest implements AutoCloseable {
    /** The guest's address. */
    static final String ADDRESS = "10.77.0.2";
    /** The other side's. */
    static final String HOST_ADDRESS = "10.77.0.1";

    private static final String NEEDS = "a guest's TCP needs what .ci/clients puts into tools/target/clients";
    private static final int BOOT_SECONDS = 120;
    private static final int COMMAND_SECONDS = 60;

    private final Program program;
    private int commands;

    private StockGuest(Program program) {
        this.program = program;
    }

    /**
     * Starts QEMU, and waits for the guest.
     *
     * @param checkout  the root of the project
     * @param name      what its process is called
     * @param namespace where QEMU runs
     * @param netdev    QEMU's options for the network back end of id n0
     */
    static StockGuest start(Bench bench, Path checkout, String name, Namespace namespace, List<String> netdev) {
        Path clients = checkout.resolve("tools/target/clients");
        Path guest = clients.resolve("guest");
        if (!Files.exists(guest.resolve("initramfs.cpio"))) {
            throw new BenchFailure(NEEDS);
        }
        List<String> command = new ArrayList<>(namespace.inside());
        command.addAll(qemu(clients.resolve("qemu/usr")));
        command.addAll(List.of("-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35,memory-backend=mem", "-m", "256",
            "-object", "memory-backend-memfd,id=mem,size=256M,share=on", "-smp", "1", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", guest.resolve("vmlinuz").toString(),
            "-initrd", guest.resolve("initramfs.cpio").toString(),
            "-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off guest.ip=" + ADDRESS + "/24 guest.q=1",
            "-serial", "stdio"));
        command.addAll(netdev);
        // Before version 8, MSI-X with a vhost-user device crashes QEMU when the processor is emulated: for all, INTx.
        command.addAll(List.of("-device", "virtio-net-pci,netdev=n0,mac=52:54:00:77:00:02,romfile=,vectors=0"));
        StockGuest started = new StockGuest(bench.start("qemu-" + name, LineUp.BOTH_CPUS, command));
        started.program.await(Pattern.compile("GUEST-READY"), 0, BOOT_SECONDS);
        return started;
    }

    /** The newest QEMU here, with where its firmware is. */
    private static List<String> qemu(Path unpacked) {
        Path newer = unpacked.resolve("bin/qemu-system-x86_64");
        return Files.isExecutable(newer)
            ? List.of(newer.toString(), "-L", unpacked + "/share/seabios", "-L", unpacked + "/share/qemu")
            : List.of("qemu-system-x86_64");
    }

    /** Runs a line of shell in the guest, which has to succeed. */
    void run(String line) {
        int mark = program.mark();
        program.send(line);
        commands++;
        program.await(Pattern.compile("GUEST-RC " + commands + " 0\\s"), mark, COMMAND_SECONDS);
    }

    void pause() {
        program.pause();
    }

    void resume() {
        program.resume();
    }

    /** As if the power failed: there is nothing in it to be kept. */
    @Override
    public void close() {
        program.close();
    }
}
