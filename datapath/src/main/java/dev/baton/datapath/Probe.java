package dev.baton.datapath;

final class Probe {
    private Probe() {
    }
}
