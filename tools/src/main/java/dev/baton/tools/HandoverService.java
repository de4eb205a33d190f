package dev.baton.tools;

import dev.baton.datapath.ControlPlane;
import dev.baton.datapath.Datapath;
import dev.baton.datapath.HandoverOptions;
import dev.baton.ffi.Fd;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.Attachment;
import dev.baton.handover.HandoverException;
import dev.baton.handover.HandoverFaults;
import dev.baton.handover.LaneConfirmation;
import dev.baton.handover.PlannedFaults;
import dev.baton.tools.control.ControlReply;
import dev.baton.tools.control.ControlServer;
import dev.baton.tools.options.Numbers;
import dev.baton.tools.options.TransferOptions;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a running daemon does for the next owner of its datapath, and for a standby: who asks on the control socket gets
 * one end of a fresh socket pair, and the other end is served by a thread of its own.
 *
 * <p>The control socket goes along. From the moment in which the datapath stands still for its last description nobody
 * is answered here: who asks then waits, for the new owner, or for this one again if it stays.
 */
final class HandoverService {
    private static final String CONTROL = "control";
    private static final String TIMEOUT = "timeout=";
    private static final int MAX_TIMEOUT_S = 3600;
    /** Faults for tests, each once in the life of the process: a system property, see {@link PlannedFaults#SYNTAX}. */
    private static final HandoverFaults FAULTS = PlannedFaults.parse(System.getProperty("baton.handover.faults", ""));

    private final Datapath datapath;
    private final TransferOptions transfer;
    private final ControlServer control;
    private final Runnable handedOver;
    private @Nullable Thread handover;

    /**
     * A service.
     *
     * @param control    the server that the requests come by
     * @param handedOver told when the datapath is another's
     */
    HandoverService(Datapath datapath, TransferOptions transfer, ControlServer control, Runnable handedOver) {
        this.datapath = datapath;
        this.transfer = transfer;
        this.control = control;
        this.handedOver = handedOver;
    }

    /** What owners say to each other, whichever side they are on. */
    static HandoverOptions options(TransferOptions transfer) {
        return HandoverOptions.defaults().withVersion(Version.text()).withBackendTransfer(transfer.backendTransfer())
                .withProfile(transfer.profile())
                .withFaults(FAULTS);
    }

    /** The path of the control socket that came with a datapath, and the socket; null without one. */
    static @Nullable Attachment controlOf(List<Attachment> attachments) {
        return attachments.stream().filter(attachment -> attachment.name().equals(CONTROL)).findFirst().orElse(null);
    }

    private HandoverOptions withControl() {
        return options(transfer).withAttachments(
                List.of(new Attachment(CONTROL, control.path().toString(), control.listener())));
    }

    /** Begins a takeover; the reply brings the new owner's end of the channel. */
    synchronized ControlReply takeover(String argument) {
        int seconds = argument.isEmpty() ? 0
                : argument.startsWith(TIMEOUT) ? Numbers.parse(argument.substring(TIMEOUT.length())) : -1;
        if (seconds < 0 || seconds > MAX_TIMEOUT_S) {
            return ControlReply.error("takeover takes nothing but 'timeout=SECONDS', at most " + MAX_TIMEOUT_S);
        }
        if (handover != null && handover.isAlive()) {
            return ControlReply.error("another takeover is under way");
        }
        HandoverOptions options = withControl().withControlPlane(new Standstill());
        HandoverOptions chosen = seconds == 0 ? options : options.withTimeoutMs(seconds * 1000L);
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        handover = work("baton-handover", () -> handOver(pair[0], chosen));
        return channel(pair[1]);
    }

    private final class Standstill implements ControlPlane {
        @Override
        public void freeze() {
            control.pause();
        }

        @Override
        public void thaw() {
            control.resume();
        }
    }

    private void handOver(Fd channel, HandoverOptions options) {
        try {
            List<LaneConfirmation> confirmed = datapath.handOver(channel, options);
            control.abandon();
            System.out.println("baton: handed over, " + confirmed.size() + " lanes confirmed");
            System.out.flush();
            handedOver.run();
        } catch (HandoverException | RuntimeException e) {
            Main.say("not handed over, this Baton goes on: " + e.getMessage());
        }
    }

    /** Waits for the end of a handover: until then nobody knows whose the datapath is. */
    void settle(long timeoutMs) {
        Thread current;
        synchronized (this) {
            current = handover;
        }
        if (current == null) {
            return;
        }
        try {
            current.join(timeoutMs);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Takes a standby; the reply brings its end of the channel. */
    ControlReply standby(String argument) {
        if (!argument.isEmpty()) {
            return ControlReply.error("standby takes no argument");
        }
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        work("baton-standby", () -> standBy(pair[0]));
        return channel(pair[1]);
    }

    private void standBy(Fd channel) {
        try {
            datapath.standBy(channel, withControl());
        } catch (HandoverException | RuntimeException e) {
            Main.say("a standby is gone: " + e.getMessage());
        }
    }

    private static Thread work(String name, Runnable work) {
        return Thread.ofPlatform().daemon().name(name).start(work);
    }

    private static ControlReply channel(Fd end) {
        return new ControlReply(Map.of("pid", ProcessHandle.current().pid()), List.of(end));
    }
}
