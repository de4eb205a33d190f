package dev.baton.bench.soak;

import dev.baton.bench.BenchFailure;
import dev.baton.ffi.DescriptorMessage;
import dev.baton.ffi.Fd;
import dev.baton.ffi.Mapping;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.tools.control.ControlClient;
import dev.baton.tools.control.ControlReply;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Clients of the control socket: some ask what may be asked, others send bytes, or nothing, and go. */
final class ClientTrack extends Track {
    private static final int MEAN_GAP_MS = 500;
    private static final int MOST_CLIENTS = 12;
    private static final int LONGEST = 6000;
    private static final List<String> QUESTIONS = List.of("help", "version", "ports", "stat", "counters", "snapshot");
    private static final List<String> NONSENSE =
        List.of("", "\n", "stat stat", "move", "move vm0 99 0", "takeover timeout=x", "standby now", "counters \u0000");

    private final Path control;
    private final Mapping memory = Mapping.anonymous(LONGEST);

    ClientTrack(World world, Path control) {
        super("client", world, EventKind.Who.CLIENT, MEAN_GAP_MS);
        this.control = control;
    }

    @Override
    void happen(EventKind kind) {
        int clients = 1 + random().nextInt(MOST_CLIENTS);
        event(kind, clients + " clients");
        List<Fd> open = new ArrayList<>();
        try {
            for (int i = 0; i < clients; i++) {
                visit(open);
            }
        } finally {
            open.forEach(Fd::close);
        }
    }

    private void visit(List<Fd> open) {
        int kind = random().nextInt(4);
        if (kind == 0) {
            ask(QUESTIONS.get(random().nextInt(QUESTIONS.size())));
            return;
        }
        byte[] words = NONSENSE.get(random().nextInt(NONSENSE.size())).getBytes(StandardCharsets.UTF_8);
        byte[] rubbish = kind == 1 ? words : new byte[random().nextInt(LONGEST)];
        if (kind > 1) {
            random().nextBytes(rubbish);
        }
        try {
            Fd socket = UnixSocket.connect(control, UnixSocket.SEQPACKET);
            open.add(socket);
            if (kind < 3) {
                RawMemory.copyFromArray(rubbish, 0, memory.address(), rubbish.length);
                DescriptorMessage.send(socket, memory.address(), rubbish.length, new int[0], 0);
            }
        } catch (SyscallException e) {
            // Between two owners nobody may be there, and who is sent too much may close: it is rubbish after all.
            world().history().note(name(), String.valueOf(e.getMessage()));
        }
    }

    private void ask(String question) {
        try (ControlClient client = ControlClient.connect(control); ControlReply reply = client.ask(question)) {
            if (reply.document() == null) {
                throw new BenchFailure("no answer to " + question);
            }
        } catch (IOException e) {
            // An owner that is killed answers nobody; the audits ask again.
            world().history().note(name(), question + ": " + e.getMessage());
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
