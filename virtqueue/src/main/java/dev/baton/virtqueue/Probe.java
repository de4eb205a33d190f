package dev.baton.virtqueue;

final class Probe {
    private Probe() {
    }
}
