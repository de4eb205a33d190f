package dev.baton.bench.soak;

import java.nio.file.Path;
import java.util.List;

/**
 * What a run is made of.
 *
 * @param launcher    the baton script
 * @param seconds     how long things happen, seconds
 * @param seed        decides what happens
 * @param queuePairs  of each guest
 * @param rate        frames a second of each queue pair, about
 * @param restSeconds time between two audits, seconds
 * @param without     what does not happen
 * @param tap         whether there is a TAP in a namespace, which needs root
 * @param verbose     whether events are printed as they happen
 */
record SoakOptions(Path launcher, int seconds, long seed, int queuePairs, int rate, int restSeconds,
                   List<EventKind> without, boolean tap, boolean verbose) {
}
