package dev.baton.ffi;

final class Probe {
    private Probe() {
    }
}
