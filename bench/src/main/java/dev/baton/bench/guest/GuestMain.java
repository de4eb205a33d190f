package dev.baton.bench.guest;

import dev.baton.vhostuser.ProtocolException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The program. Its standard input says what to do, a line each; each line gets one in answer.
 *
 * <pre>
 *   GuestMain send FRAME-BYTES NAMESPACE ADDRESS [SOCKET]      {@link Stream}
 *   GuestMain round-trips FRAME-BYTES SOCKET SOCKET            {@link RoundTrips}
 *
 *   start    goes to work: "ok"
 *   stop     rests: "ok"
 *   report   "ok" and what it has come to
 * </pre>
 *
 * <p>It ends with its input.
 */
public final class GuestMain {
    /** Steps between two looks at the input, each of which is a system call. */
    private static final int STEPS = 64;

    private GuestMain() {
    }

    /** The program. */
    public static void main(String[] arguments) throws IOException, ProtocolException {
        try (Load load = load(arguments);
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            System.out.println("ready");
            run(load, in);
        }
    }

    private static Load load(String[] arguments) throws ProtocolException {
        int frameBytes = Integer.parseInt(arguments[1]);
        if (arguments[0].equals("round-trips")) {
            return new RoundTrips(GuestNic.connect(Path.of(arguments[2]), frameBytes),
                GuestNic.connect(Path.of(arguments[3]), frameBytes));
        }
        @Nullable GuestNic nic = arguments.length > 4 ? GuestNic.connect(Path.of(arguments[4]), frameBytes) : null;
        return new Stream(new DatagramSender(arguments[2], arguments[3], frameBytes), nic);
    }

    private static void run(Load load, BufferedReader in) throws IOException {
        boolean working = false;
        while (true) {
            if (!working || in.ready()) {
                String line = in.readLine();
                if (line == null) {
                    return;
                }
                working = line.equals("start") || (working && !line.equals("stop"));
                System.out.println(line.equals("report") ? "ok " + load.report() : "ok");
            }
            for (int i = 0; working && i < STEPS; i++) {
                load.step();
            }
        }
    }
}
