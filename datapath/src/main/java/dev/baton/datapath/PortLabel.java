package dev.baton.datapath;

import org.jspecify.annotations.Nullable;

/**
 * A counter's label taken apart: {@code port=NAME pair=N KEY} or {@code agent=N cpu=N KEY}.
 *
 * @param owner {@code port} or {@code agent}
 * @param name  the port's name or the agent's number
 * @param index the queue pair, or the agent's CPU
 * @param key   what is counted
 */
record PortLabel(String owner, String name, int index, String key) {
    static final String RX_DROPS = "rx.drops.";
    static final String TX_DROPS = "tx.drops.";
    static final String FAULTS = "faults.";

    static String prefix(String port, int pair) {
        return "port=" + port + " pair=" + pair + " ";
    }

    static String agentPrefix(int agent, int cpu) {
        return "agent=" + agent + " cpu=" + cpu + " ";
    }

    static @Nullable PortLabel parse(String label) {
        String[] parts = label.split(" ", 3);
        int equals = parts[0].indexOf('=');
        if (parts.length != 3 || equals < 0) {
            return null;
        }
        int index = Integer.parseInt(parts[1].substring(parts[1].indexOf('=') + 1));
        return new PortLabel(parts[0].substring(0, equals), parts[0].substring(equals + 1), index, parts[2]);
    }
}
