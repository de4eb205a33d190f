package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** DPDK's testpmd on its prompt: the client of every comparison, and one of the peers. */
final class Testpmd implements AutoCloseable {
    private static final Pattern PROMPT = Pattern.compile("testpmd> ");
    private static final Pattern RECEIVED = Pattern.compile("RX-packets:\\s+(\\d+)");
    private static final Pattern CYCLES =
        Pattern.compile("total cycles=(\\d+) / total \\w+ packets=(\\d+)\\) at (\\d+) MHz");
    private static final int PATIENCE_SECONDS = 60;

    /** Memory that another process can map: 64 hugepages of 2 MiB. */
    static final List<String> SHARED = List.of("--in-memory", "--single-file-segments", "-m", "128");
    /** Memory of its own. */
    static final List<String> PRIVATE = List.of("--no-huge", "-m", "96");

    private final Program program;

    private Testpmd(Program program) {
        this.program = program;
        program.await(PROMPT, 0, PATIENCE_SECONDS);
    }

    /**
     * Starts testpmd and waits for its prompt.
     *
     * @param bench   where it belongs
     * @param by      a command that runs it, such as nsenter; empty without
     * @param name    its own, also for DPDK's files
     * @param cpu     where all of its threads run
     * @param memory  where its buffers are
     * @param vdevs   its ports
     * @param options of testpmd itself
     */
    static Testpmd start(Bench bench, List<String> by, String name, int cpu, List<String> memory,
                         List<String> vdevs, List<String> options) {
        List<String> command = new ArrayList<>(by);
        command.addAll(List.of("stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@" + cpu + ",1@" + cpu,
            "--no-pci", "--no-telemetry", "--file-prefix", name + "-" + ProcessHandle.current().pid()));
        command.addAll(memory);
        vdevs.forEach(vdev -> command.addAll(List.of("--vdev", vdev)));
        command.addAll(List.of("--", "-i", "--total-num-mbufs=16384", "--record-core-cycles"));
        command.addAll(options);
        Program program = bench.start(name, cpu, command);
        try {
            return new Testpmd(program);
        } catch (BenchFailure e) {
            program.close();
            throw e;
        }
    }

    /** Types a command and gives what is printed up to the next prompt. */
    String command(String line) {
        int mark = program.mark();
        program.send(line);
        return program.await(PROMPT, mark, PATIENCE_SECONDS);
    }

    /** Frames that its ports have received. */
    long received() {
        return RECEIVED.matcher(command("show port stats all")).results()
            .mapToLong(result -> Long.parseLong(result.group(1))).sum();
    }

    /** What its bursts that moved frames have cost since it began to forward. */
    Cost cost() {
        String statistics = command("show fwd stats all");
        Matcher matcher = CYCLES.matcher(statistics);
        if (!matcher.find()) {
            throw new BenchFailure("testpmd tells no core cycles:\n" + statistics);
        }
        return new Cost(Long.parseLong(matcher.group(1)) * 1e3 / Long.parseLong(matcher.group(3)),
            Long.parseLong(matcher.group(2)));
    }

    void pause() {
        program.pause();
    }

    void resume() {
        program.resume();
    }

    /** By its own command, or its sockets would stay. */
    @Override
    public void close() {
        program.quit("quit");
    }
}
