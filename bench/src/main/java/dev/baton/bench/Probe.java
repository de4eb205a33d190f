package dev.baton.bench;

final class Probe {
    private Probe() {
    }
}
