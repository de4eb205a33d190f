package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.Fd;
import dev.baton.ffi.RawMemory;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.UnixSocket;
import dev.baton.handover.FrontEndState;
import dev.baton.vhostuser.BackendConnection;
import dev.baton.vhostuser.ErrorKind;
import dev.baton.vhostuser.ProtocolException;
import dev.baton.vhostuser.SessionState;
import dev.baton.virtqueue.VirtqueueFault;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A port whose far side is a vhost-user front-end.
 *
 * <p>Theory of operation. The port is {@code idle} until it is wired, for what it may offer the front-end depends on
 * the port at the other end of the wire. Then it waits for a front-end, serves one at a time, and waits again when
 * that one is gone. Everything here runs on the conductor's thread; what concerns a running virtqueue is done at a
 * quiescent point of the agent that owns it.
 *
 * <pre>
 *   idle --wired--> waiting --connected--> serving --gone, or broke the protocol--> waiting
 *     ^-------------------------- unwired: the front-end is disconnected --'
 * </pre>
 *
 * <p>From the first byte that is read of a message until all standbys have been told what came of it, and the front-end
 * has been answered, the port is {@linkplain Baton#unsettled unsettled}. Nobody can know then what a front-end believes
 * whose back end died: who goes on {@linkplain #forsake ends its connection}, and it connects again.
 */
public final class VhostUserPort extends VirtqueuePort {
    private static final Logger LOG = System.getLogger(VhostUserPort.class.getPackageName());

    private final VhostUserPortConfig config;
    private final Conductor conductor;
    private final PortFaults faults;
    private final VhostUserSocket socket;
    private final VhostUserDevice device;
    private @Nullable BackendConnection connection;
    private long connectionToken;
    private String lastProblem = "";
    private boolean frozen;
    private boolean blockedWhileFrozen;
    /** Changes of connections that are gone. */
    private long pastChanges;
    /** Why the connection that another owner served was not taken up, until that is told. */
    private @Nullable ProtocolException forsaken;

    VhostUserPort(VhostUserPortConfig config, Counters counters, Baton baton, Conductor conductor) {
        super(config.name(), config.queuePairs(), counters, baton, conductor);
        this.config = config;
        this.conductor = conductor;
        this.faults = new PortFaults(config.name(), counters);
        this.device = new VhostUserDevice(this, config);
        this.socket = new VhostUserSocket(config, conductor, this::connected);
        try {
            socket.open();
        } catch (DatapathException e) {
            faults.free();
            super.close();
            throw e;
        }
        guardSignals();
    }

    /** A port that another owner still serves; {@link #restoreConnection} and {@link #serve} follow. */
    VhostUserPort(FrontEndState state, Counters counters, Baton baton, Conductor conductor) {
        super(state.name(), state.queuePairs(), counters, baton, conductor, state.firstQueueRecord());
        this.config = VhostUserPortConfig.of(state);
        this.conductor = conductor;
        this.faults = new PortFaults(config.name(), counters);
        this.device = new VhostUserDevice(this, config);
        this.socket = new VhostUserSocket(config, conductor, this::connected);
        socket.adopt(state.listener());
        frozen = true;
        guardSignals();
    }

    private void guardSignals() {
        signals().forEach(signal -> conductor.guard().watch(signal, () -> conductor.post(this::signalBlocked)));
    }

    private Stream<GuardedSignal> signals() {
        Stream<VirtqueueEnd> ends = IntStream.range(0, queuePairs()).boxed()
            .flatMap(pair -> Stream.of(rxEnd(pair), txEnd(pair)));
        return Stream.concat(Stream.of(device.errorSignal()), ends.map(VirtqueueEnd::callSignal));
    }

    /** All of the port that the next owner needs, its descriptors still this port's. */
    FrontEndState save() {
        BackendConnection served = connection;
        return new FrontEndState(name(), queuePairs(), config.backendTransfer(),
            config.socket().toAbsolutePath().toString(), config.mode() == SocketMode.SERVER, config.offloads(),
            config.memoryLimitBytes(), config.coalescing(), firstQueueRecord(), socket.listener(),
            served == null ? null : served.socket(), served == null ? null : served.state());
    }

    /**
     * Takes up the connection next to the owner that serves it: after the port is wired again, for what it may offer
     * depends on the port at the other end.
     */
    void restoreConnection(Fd connected, SessionState session) throws ProtocolException {
        device.prepare();
        try {
            connection = BackendConnection.restore(connected, device, session);
        } finally {
            device.prepared();
        }
    }

    /**
     * Ends the connection of an owner that died, instead of taking it up; nothing of it is touched. The rest follows
     * with {@link #serve}.
     */
    void forsake(ProtocolException why) {
        forsaken = why;
        device.forsake();
        BackendConnection left = connection;
        if (left != null) {
            pastChanges = changes() + 1;
            connection = null;
            UnixSocket.shutdown(left.socket());
            left.abandon();
        }
    }

    /** {@link #forsake} if nobody knows what became of the front-end's last messages. */
    void forsakeUnsettled() {
        if (connection != null && unsettled()) {
            forsake(new ProtocolException(ErrorKind.OWNER_DIED,
                "its back end died with messages of the front-end in its hands"));
        }
    }

    /** Tells the wired port which queue pairs take frames. */
    void tellPeer() {
        device.tellPeer();
    }

    private void tellForsaken() {
        ProtocolException why = forsaken;
        if (why != null) {
            forsaken = null;
            device.tellForsaken();
            fault(why);
        }
    }

    /** What the front-end is about to be answered for is told to standbys first. */
    void answering() throws ProtocolException {
        conductor.standbys().tell();
        if (connection == null) {
            // It was found out when it was to be described, and is counted.
            throw ProtocolException.memoryTruncated(null);
        }
    }

    /** Moves whenever something changed that {@link #save} tells. */
    long changes() {
        BackendConnection served = connection;
        return pastChanges + (served == null ? 0 : 1 + served.generation());
    }

    /** Reads no messages and takes no connection, until {@link #serve}. */
    void freeze() {
        frozen = true;
        BackendConnection served = connection;
        if (served != null) {
            conductor.unwatch(served.socket(), connectionToken);
        }
        socket.pause();
    }

    /** Goes on after {@link #freeze}, or begins after a handover. */
    void serve() {
        frozen = false;
        settleFormer();
        tellForsaken();
        BackendConnection served = connection;
        if (served != null) {
            watch(served);
        } else if (peer() != null) {
            socket.resume();
        }
        if (blockedWhileFrozen) {
            signalBlocked();
        }
    }

    @Override
    boolean backendTransfer() {
        return config.backendTransfer();
    }

    /** The path of the vhost-user socket. */
    public Path socketPath() {
        return config.socket();
    }

    @Override
    public String describe() {
        return config.describe();
    }

    @Override
    public String state() {
        String state = peer() == null ? "not wired"
            : connection == null ? "waiting for a front-end" : "connected, " + device.describe();
        return lastProblem.isEmpty() ? state : state + "; last problem: " + lastProblem;
    }

    @Override
    int takes() {
        return Offloads.takenByGuest(device.ackedFeatures());
    }

    /** Guests come and go, each with features of its own; what one does not take is done in software. */
    @Override
    int couldTake() {
        return config.offloads() ? Offloads.ALL : Offloads.NONE;
    }

    @Override
    int canGive() {
        return couldTake();
    }

    /** Its front-end enables them. */
    @Override
    boolean alwaysActive() {
        return false;
    }

    @Override
    boolean coalescing() {
        return config.coalescing();
    }

    @Override
    void wired(@Nullable Port newPeer) {
        super.wired(newPeer);
        if (newPeer == null) {
            disconnect();
            socket.pause();
        } else {
            socket.resume();
        }
    }

    /** Ten times a second: a client tries to connect. */
    void tick() {
        if (!frozen) {
            socket.tick();
        }
    }

    private void connected(Fd accepted) {
        BackendConnection accepting = new BackendConnection(accepted, device);
        try {
            watch(accepting);
        } catch (SyscallException e) {
            accepted.close();
            throw e;
        }
        connection = accepting;
        socket.pause();
        LOG.log(Level.DEBUG, "{0}: front-end connected", name());
    }

    private void watch(BackendConnection served) {
        connectionToken = conductor.watch(served.socket(), Epoll.IN | Epoll.RDHUP, events -> readable(served));
    }

    private void readable(BackendConnection readable) {
        boolean open;
        unsettle();
        try {
            open = readable.onReadable();
            RawMemory.checkFault();
        } catch (ProtocolException e) {
            if (connection == readable) {
                fault(e);
            }
            open = false;
        } catch (InternalError e) {
            // What an access to memory becomes that the front-end has cut short: rings are looked at when they start.
            fault(ProtocolException.memoryTruncated(e));
            open = false;
        } catch (RuntimeException e) {
            // A system call that failed: the connection that it was for pays.
            problem(String.valueOf(e.getMessage()));
            open = false;
        }
        if (!open) {
            leave();
        }
        if (conductor.standbys().upToDate()) {
            settle();
        }
    }

    /** Ends the connection of a front-end that spoilt its memory: an access failed, or the next owner's would. */
    void checkMemory() {
        BackendConnection checked = connection;
        if (checked != null) {
            try {
                checked.checkMemory();
            } catch (ProtocolException e) {
                drop(e);
            }
        }
    }

    /** An agent, or the conductor, was held up by an eventfd of this front-end's. */
    private void signalBlocked() {
        blockedWhileFrozen = frozen;
        if (!frozen && connection != null) {
            drop(new ProtocolException(ErrorKind.EVENTFD_BLOCKS, "the front-end filled an eventfd and made it block"));
        }
    }

    /** Something of the front-end's was refused; its connection may go on. */
    void fault(ProtocolException why) {
        faults.count(why.kind());
        problem(why.getMessage());
    }

    private void drop(ProtocolException why) {
        fault(why);
        leave();
    }

    /** Waits for the next front-end, also where an agent keeps a virtqueue of the last one. */
    private void leave() {
        try {
            disconnect();
        } catch (DatapathException e) {
            problem(e.getMessage());
        } finally {
            if (!frozen) {
                socket.resume();
            }
        }
    }

    private void disconnect() {
        BackendConnection gone = connection;
        if (gone != null) {
            pastChanges = changes() + 1;
            connection = null;
            conductor.unwatch(gone.socket(), connectionToken);
            gone.close();
            LOG.log(Level.DEBUG, "{0}: front-end gone", name());
        }
    }

    @Override
    void faulted(VirtqueueEnd end, VirtqueueFault fault) {
        faults.count(fault);
        problem(end + " stopped: " + fault.reason());
        device.signalError(end);
    }

    private void problem(@Nullable String what) {
        lastProblem = String.valueOf(what);
        LOG.log(Level.WARNING, "{0}: {1}", name(), lastProblem);
    }

    @Override
    void close() {
        disconnect();
        signals().forEach(conductor.guard()::unwatch);
        socket.close();
        faults.free();
        super.close();
    }

    @Override
    void carry(FormerCounters former) {
        super.carry(former);
        faults.carry(former);
    }

    @Override
    void abandon() {
        BackendConnection served = connection;
        if (served != null) {
            served.abandon();
        }
        socket.abandon();
        releaseEnds();
    }
}
