package dev.baton.tools;

final class Probe {
    private Probe() {
    }
}
