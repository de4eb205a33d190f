package dev.baton.datapath;

import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.HandoverChannel;
import dev.baton.handover.HandoverException;
import dev.baton.tap.TapException;

/**
 * The death of an owner, played once from end to end with a small datapath of this process's own: a standby's way
 * from the closed channel to the first duty cycle is walked by every thread that will walk it. {@link Rehearsal} has
 * the frames' path compiled; this loads and links what is done once, which otherwise takes longer than the kernel needs
 * to end the owner.
 */
final class DressRehearsal {
    private static final long HEARTBEAT_MS = 10_000;

    private final HandoverOptions options;

    private DressRehearsal(HandoverOptions options) {
        this.options = HandoverOptions.defaults().withBackendTransfer(true)
            .withMaxSchemaVersion(options.maxSchemaVersion()).withRehearsals(0);
    }

    /** Plays it so often, or not at all when there is no room: what is rehearsed only takes longer then. */
    static void run(int times, HandoverOptions options) {
        DressRehearsal rehearsal = new DressRehearsal(options);
        try {
            for (int i = 0; i < times; i++) {
                rehearsal.play();
            }
        } catch (HandoverException | SyscallException | TapException | DatapathException e) {
            Rehearsal.missed(e);
        }
    }

    private void play() throws HandoverException {
        Fd[] pair = UnixSocket.pair(UnixSocket.STREAM);
        try (Fd far = pair[1];
             HandoverChannel near = HandoverChannel.over(pair[0]);
             Standby standby = Standby.rehearsing(near, options)) {
            liveAndDie(far, standby);
            if (standby.await(HEARTBEAT_MS) instanceof Standby.Ending.Seized seized) {
                seized.takeover().datapath().close();
            }
        }
    }

    private void liveAndDie(Fd socket, Standby standby) throws HandoverException {
        try (HandoverChannel channel = HandoverChannel.over(socket);
             Datapath owner = Datapath.launch(DatapathConfig.defaults().withName("rehearsal"))) {
            owner.wire(owner.add(LoopbackPortConfig.named("a")), owner.add(LoopbackPortConfig.named("b")));
            Outgoing.send(owner, options, channel, 1);
            standby.learn();
            owner.abandon();
        }
    }
}
