package dev.baton.datapath;

import dev.baton.handover.HandoverError;
import dev.baton.handover.HandoverException;
import dev.baton.handover.LaneConfirmation;
import dev.baton.handover.Section;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** An incoming datapath's claims to all of its lanes. */
final class LaneClaims {
    private final Datapath datapath;
    private final List<Lane> lanes = new ArrayList<>();
    private final List<Wiring> wirings = new ArrayList<>();
    private final List<CompletableFuture<Lane>> claims = new ArrayList<>();

    private LaneClaims(Datapath datapath) {
        this.datapath = datapath;
        for (Wiring wiring : datapath.topology().wirings()) {
            for (Lane lane : wiring.lanes()) {
                lanes.add(lane);
                wirings.add(wiring);
            }
        }
    }

    /** The agents claim every lane from now on. */
    static LaneClaims of(Datapath datapath) {
        return datapath.conductor().call(() -> {
            LaneClaims all = new LaneClaims(datapath);
            for (int i = 0; i < all.lanes.size(); i++) {
                Lane lane = all.lanes.get(i);
                all.claims.add(all.wirings.get(i).owner(lane).claim(lane));
            }
            return all;
        });
    }

    /** No claim yet: the owner is dead. */
    static LaneClaims none(Datapath datapath) {
        return datapath.conductor().call(() -> {
            LaneClaims all = new LaneClaims(datapath);
            all.lanes.forEach(lane -> all.claims.add(new CompletableFuture<>()));
            return all;
        });
    }

    /** Waits until the agents have taken every lane; their owner has let go of all. */
    void awaitAll(long timeoutMs) throws HandoverException {
        try {
            CompletableFuture.allOf(claims.toArray(CompletableFuture<?>[]::new)).get(timeoutMs, TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            throw new HandoverException(Section.SWITCHED.label(), HandoverError.TIMEOUT,
                "a lane that was let go was not taken up", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HandoverException(Section.SWITCHED.label(), HandoverError.TIMEOUT, "interrupted", e);
        }
    }

    /** How many lanes there are. */
    int size() {
        return lanes.size();
    }

    /** Ends the claims; returns how many lanes their owner has let go of, taken up here already or not. */
    int giveUp() {
        List<Boolean> free = new ArrayList<>();
        datapath.conductor().call(() -> {
            for (int i = 0; i < lanes.size(); i++) {
                free.add(wirings.get(i).owner(lanes.get(i)).cancelClaim(lanes.get(i)));
            }
            return free;
        });
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(Lane.MAY_LET_GO_MS));
        int ours = 0;
        for (int i = 0; i < lanes.size(); i++) {
            ours += !free.get(i) || lanes.get(i).released() ? 1 : 0;
        }
        return ours;
    }

    /**
     * Takes the lanes that are not here from their dead owner; returns how many they were.
     *
     * @param former the dead owner's counters, which tell when its agents lived last
     */
    int seizeLeft(CountersSnapshot former) {
        List<AgentStats> owners = former.agents();
        return datapath.conductor().call(() -> {
            int seized = 0;
            for (int i = 0; i < datapath.agents().size(); i++) {
                DatapathAgent agent = datapath.agents().get(i);
                List<Lane> left = left(agent);
                long lastAliveNs = i < owners.size() ? owners.get(i).aliveNs() : 0;
                agent.seizeAll(left, lastAliveNs);
                seized += left.size();
            }
            return seized;
        });
    }

    /** The lanes of an agent that it has not taken, and claims no more. */
    private List<Lane> left(DatapathAgent agent) {
        List<Lane> left = new ArrayList<>();
        for (int i = 0; i < lanes.size(); i++) {
            Lane lane = lanes.get(i);
            if (wirings.get(i).owner(lane) == agent && !claims.get(i).isDone() && agent.cancelClaim(lane)) {
                left.add(lane);
            }
        }
        return left;
    }

    List<Blackout> blackouts() {
        return lanes.stream().map(Lane::blackout).toList();
    }

    List<LaneConfirmation> confirmations() {
        return lanes.stream().map(lane -> {
            Blackout blackout = lane.blackout();
            return new LaneConfirmation(lane.index(), blackout.releasedNs(), blackout.resumedNs(),
                blackout.firstFrameNs());
        }).toList();
    }
}
