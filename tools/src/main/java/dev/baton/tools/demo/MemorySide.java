package dev.baton.tools.demo;

import dev.baton.datapath.MemoryPort;
import dev.baton.tools.traffic.Flow;
import dev.baton.tools.traffic.MemoryFramePort;
import dev.baton.tools.traffic.Station;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A small host behind an in-memory port, for machines that give no TAP. */
final class MemorySide extends FarSide {
    private static final long NAP_NS = 50_000;

    private final List<MemoryFramePort> ports = new ArrayList<>();
    private final Station station;

    MemorySide(MemoryPort port) {
        super("demo-memory");
        for (int i = 0; i < port.queuePairs(); i++) {
            ports.add(new MemoryFramePort(port.driver(i)));
        }
        station = new Station(Plan.FAR, Plan.GUEST.ipv4(), ports, Plan.WINDOW);
    }

    @Override
    void open() {
        // The ports are open as soon as they are made.
    }

    @Override
    int ping(int count) {
        station.pinger().ping(count);
        while (!station.pinger().done(System.nanoTime())) {
            if (step() == 0) {
                sleep();
            }
        }
        return station.pinger().answered();
    }

    @Override
    int step() {
        return station.step();
    }

    @Override
    void sleep() {
        LockSupport.parkNanos(NAP_NS);
    }

    @Override
    void sending(boolean on) {
        station.sending(on);
    }

    @Override
    List<Flow> flows() {
        return station.flows();
    }

    @Override
    void shut() {
        ports.forEach(MemoryFramePort::close);
    }
}
