package dev.baton.tools;

import dev.baton.datapath.Blackout;
import dev.baton.datapath.Snapshot;
import dev.baton.virtqueue.QueueState;
import dev.baton.virtqueue.VirtqueueFault;
import java.util.LinkedHashMap;
import java.util.Map;

/** A snapshot as a tree for JSON. */
final class SnapshotDocument {
    private SnapshotDocument() {
    }

    static Map<String, Object> of(Snapshot snapshot) {
        Map<String, Object> ports = new LinkedHashMap<>();
        snapshot.ports().forEach(port -> ports.put(port.name(), port(port)));
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("version", Version.text());
        tree.put("pid", ProcessHandle.current().pid());
        tree.put("ports", ports);
        tree.put("wires", snapshot.wires().stream().map(SnapshotDocument::wire).toList());
        return tree;
    }

    private static Map<String, Object> port(Snapshot.PortView port) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("port", port.options());
        tree.put("state", port.state());
        if (!port.virtqueues().isEmpty()) {
            tree.put("virtqueues", port.virtqueues().stream().map(SnapshotDocument::queue).toList());
        }
        return tree;
    }

    private static Map<String, Object> queue(Snapshot.QueueView queue) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("pair", queue.pair());
        tree.put("queue", queue.rx() ? "transmitq" : "receiveq");
        tree.put("size", queue.size());
        tree.put("enabled", queue.enabled());
        QueueState state = queue.state();
        tree.put("lastAvailIdx", state.lastAvailIdx());
        tree.put("usedIdx", state.usedIdx());
        if (state.signalledUsed() != QueueState.UNSIGNALLED) {
            tree.put("signalledUsed", state.signalledUsed());
        }
        VirtqueueFault fault = state.fault();
        if (fault != null) {
            tree.put("fault", fault.reason());
        }
        return tree;
    }

    private static Map<String, Object> wire(Snapshot.WireView wire) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("a", wire.a());
        tree.put("b", wire.b());
        tree.put("lanes", wire.lanes().stream().map(SnapshotDocument::lane).toList());
        return tree;
    }

    private static Map<String, Object> lane(Snapshot.LaneView lane) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("agent", lane.agent());
        tree.put("epoch", lane.epoch());
        Blackout last = lane.lastBlackout();
        if (last != null) {
            tree.put("lastBlackoutNs", last.ns());
        }
        return tree;
    }
}
