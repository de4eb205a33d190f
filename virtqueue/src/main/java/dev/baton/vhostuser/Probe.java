package dev.baton.vhostuser;

final class Probe {
    private Probe() {
    }
}
