package dev.baton.bench.compare;

import dev.baton.bench.BenchFailure;
import dev.baton.bench.guest.GuestMain;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The project's own guest as a client ({@link GuestMain}): it can send from the kernel's side, and tell times. */
final class Guest implements Client {
    private static final Pattern READY = Pattern.compile("ready\n");
    private static final Pattern ANSWER = Pattern.compile("ok ?(.*)\n");
    private static final Pattern RECEIVED = Pattern.compile("received (\\d+)");
    private static final Pattern TIMES = Pattern.compile("(\\d+) took (\\d+) (\\d+)");
    private static final int PATIENCE_SECONDS = 60;

    private final Program program;

    private Guest(Program program) {
        this.program = program;
        program.await(READY, 0, PATIENCE_SECONDS);
    }

    /** Sends into the TAP of the back end of that name, and receives behind it. */
    static Guest behindTap(Bench bench, Scene scene, String name, String address, int cpu) {
        return start(bench, name, cpu, List.of("send", String.valueOf(scene.frameBytes()),
            bench.namespace().path(), address, bench.socket(name, 0).toString()));
    }

    /** Sends into a TAP that a program of that name reads. */
    static Guest sender(Bench bench, Scene scene, String name, String address, int cpu) {
        return start(bench, name, cpu, List.of("send", String.valueOf(scene.frameBytes()),
            bench.namespace().path(), address));
    }

    /** Sends one frame at a time through both ports of the back end of that name. */
    static Guest betweenPorts(Bench bench, Scene scene, String name, int cpu) {
        return start(bench, name, cpu, List.of("round-trips", String.valueOf(scene.frameBytes()),
            bench.socket(name, 0).toString(), bench.socket(name, 1).toString()));
    }

    private static Guest start(Bench bench, String name, int cpu, List<String> arguments) {
        // As this JVM was started, which is as bench/launch does it.
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java"),
            "--enable-native-access=ALL-UNNAMED", "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
            "-XX:+UseSerialGC", "-Xmx64m", "-XX:-UsePerfData", "-cp", System.getProperty("java.class.path"),
            GuestMain.class.getName()));
        command.addAll(arguments);
        return new Guest(bench.start("guest-" + name, cpu, command));
    }

    private String command(String line) {
        int mark = program.mark();
        program.send(line);
        Matcher answer = ANSWER.matcher(program.await(ANSWER, mark, PATIENCE_SECONDS));
        return answer.find() ? answer.group(1) : "";
    }

    private static Matcher match(Pattern pattern, String report) {
        Matcher matcher = pattern.matcher(report);
        if (!matcher.find()) {
            throw new BenchFailure("the guest reports \"" + report + "\"");
        }
        return matcher;
    }

    @Override
    public void start() {
        command("start");
    }

    @Override
    public void stop() {
        command("stop");
    }

    @Override
    public long received() {
        return Long.parseLong(match(RECEIVED, command("report")).group(1));
    }

    /** The round trips since the last call of this. */
    Sample times() {
        Matcher times = match(TIMES, command("report"));
        return Sample.of(Metric.P50, Long.parseLong(times.group(2)) / 1e9,
            Metric.P99, Long.parseLong(times.group(3)) / 1e9);
    }

    @Override
    public void pause() {
        program.pause();
    }

    @Override
    public void resume() {
        program.resume();
    }

    @Override
    public void close() {
        program.close();
    }
}
