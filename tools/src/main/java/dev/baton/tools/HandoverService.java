package dev.baton.tools;

import dev.baton.datapath.Datapath;
import dev.baton.datapath.HandoverOptions;
import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Attachment;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.PlannedFaults;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.control.ControlServer;
import dev.baton.tools.options.TransferOptions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * What a running daemon does for the next owner of its datapath, and for a standby: who asks on the control socket gets
 * one end of a fresh socket pair, and the other end is served by a thread of its own.
 *
 * <p>While the datapath is being handed over nobody new is let in on the control socket. Who comes then waits in the
 * listener's backlog, and is served by the new owner, or by this one again if it stays.
 */
final class HandoverService {
    private static final String CONTROL = "control";
    /** Faults for tests, as {@link PlannedFaults#SYNTAX}. */
    private static final String FAULTS = "baton.handover.faults";

    private final Datapath datapath;
    private final TransferOptions transfer;
    private final Runnable handedOver;
    private final AtomicBoolean busy = new AtomicBoolean();
    private volatile @Nullable ControlServer control;

    /**
     * A service.
     *
     * @param handedOver told when the datapath is another's
     */
    HandoverService(Datapath datapath, TransferOptions transfer, Runnable handedOver) {
        this.datapath = datapath;
        this.transfer = transfer;
        this.handedOver = handedOver;
    }

    /** The server that the requests come by. */
    void servedBy(ControlServer server) {
        control = server;
    }

    /** What owners say to each other, whichever side they are on. */
    static HandoverOptions options(TransferOptions transfer) {
        String faults = System.getProperty(FAULTS);
        return HandoverOptions.defaults().withVersion(Version.text()).withBackendTransfer(transfer.backendTransfer())
                .withProfile(transfer.profile())
                .withFaults(faults == null ? HandoverFaults.NONE : PlannedFaults.parse(faults));
    }

    /** The path of the control socket that came with a datapath, and the socket; null without one. */
    static @Nullable Attachment controlOf(List<Attachment> attachments) {
        return attachments.stream().filter(attachment -> attachment.name().equals(CONTROL)).findFirst().orElse(null);
    }

    private HandoverOptions withControl() {
        ControlServer server = control;
        HandoverOptions options = options(transfer);
        return server == null ? options : options.withAttachments(
                List.of(new Attachment(CONTROL, server.path().toString(), server.listener())));
    }

    /** Begins a takeover; the reply brings the new owner's end of the channel. */
    ControlReply takeover(String argument) {
        if (!argument.isEmpty()) {
            return ControlReply.error("takeover takes no argument");
        }
        if (!busy.compareAndSet(false, true)) {
            return ControlReply.error("another takeover is under way");
        }
        ControlServer server = control;
        if (server != null) {
            server.pause();
        }
        return channel("baton-handover", this::handOver);
    }

    private void handOver(Fd channel) {
        ControlServer server = control;
        try {
            datapath.handOver(channel, withControl());
            if (server != null) {
                server.abandon();
            }
            handedOver.run();
        } catch (HandoverException | RuntimeException e) {
            busy.set(false);
            if (server != null) {
                server.resume();
            }
            Main.say("not handed over, this Baton goes on: " + e.getMessage());
        }
    }

    /** Takes a standby; the reply brings its end of the channel. */
    ControlReply standby(String argument) {
        return argument.isEmpty() ? channel("baton-standby", this::standBy)
                : ControlReply.error("standby takes no argument");
    }

    private void standBy(Fd channel) {
        try {
            datapath.standBy(channel, withControl());
        } catch (HandoverException | RuntimeException e) {
            Main.say("a standby is gone: " + e.getMessage());
        }
    }

    private interface Work {
        void on(Fd channel);
    }

    private static ControlReply channel(String thread, Work work) {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        Thread.ofPlatform().daemon().name(thread).start(() -> work.on(pair[0]));
        return new ControlReply(Map.of("pid", ProcessHandle.current().pid()), List.of(pair[1]));
    }
}
