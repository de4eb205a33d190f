package dev.baton.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** TCP between two network namespaces. */
final class TcpTransfer implements Contender {
    private static final Pattern LISTENING = Pattern.compile("Server listening");
    private static final int PATIENCE_SECONDS = 30;
    private static final String LEFT_ADDRESS = "10.83.0.1";
    private static final String RIGHT_ADDRESS = "10.83.0.2";

    private final String label;
    private final Bench bench;
    private final Namespace left;
    private final Program server;
    private final @Nullable BackEnd between;

    private TcpTransfer(String label, Bench bench, Namespace left, Program server, @Nullable BackEnd between) {
        this.label = label;
        this.bench = bench;
        this.left = left;
        this.server = server;
        this.between = between;
    }

    /** The interface of a contender in the namespace that sends. */
    static String left(String name) {
        return name + "-l";
    }

    /** The interface of a contender in the namespace that receives. */
    static String right(String name) {
        return name + "-r";
    }

    /** Between two TAPs that a back end has made in these namespaces; both programs are on the client's CPU. */
    static TcpTransfer through(BackEnd between, String label, String name, Bench bench, Namespace left,
                               Namespace right) {
        return new TcpTransfer(label, bench, left, listen(name, bench, left, right, LineUp.CLIENT_CPU), between);
    }

    /** Over a pair of interfaces of the kernel, with the receiving program on this CPU. */
    static TcpTransfer throughVeth(String label, String name, Bench bench, int serverCpu) {
        Namespace left = bench.newNamespace();
        Namespace right = bench.newNamespace();
        bench.run(left, "ip", "link", "add", left(name), "type", "veth", "peer", "name", right(name),
            "netns", right.path());
        return new TcpTransfer(label, bench, left, listen(name, bench, left, right, serverCpu), null);
    }

    private static Program listen(String name, Bench bench, Namespace left, Namespace right, int cpu) {
        left.configure(left(name), LEFT_ADDRESS);
        right.configure(right(name), RIGHT_ADDRESS);
        List<String> command = new ArrayList<>(right.inside());
        command.addAll(List.of("iperf3", "--server", "--forceflush"));
        Program server = bench.start("iperf3-" + name, cpu, command);
        server.await(LISTENING, 0, PATIENCE_SECONDS);
        return server;
    }

    @Override
    public String name() {
        return label;
    }

    @Override
    public Sample run(double seconds) {
        if (between != null) {
            between.resume();
        }
        double rate = Iperf.bitsPerSecond(bench, left, String.valueOf(LineUp.CLIENT_CPU), RIGHT_ADDRESS, seconds,
            false);
        if (between != null) {
            between.pause();
        }
        return Sample.of(Metric.BITS, rate);
    }

    @Override
    public void close() {
        server.close();
        if (between != null) {
            between.close();
        }
    }
}
