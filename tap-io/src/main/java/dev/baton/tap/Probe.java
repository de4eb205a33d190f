package dev.baton.tap;

final class Probe {
    private Probe() {
    }
}
