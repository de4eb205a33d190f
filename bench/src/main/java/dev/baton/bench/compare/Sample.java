package dev.baton.bench.compare;

/**
 * One window.
 *
 * @param framesPerSecond that arrived
 * @param nsPerFrame      what a frame cost the back end's core
 */
record Sample(double framesPerSecond, double nsPerFrame) {
}
