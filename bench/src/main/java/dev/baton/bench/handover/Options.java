package dev.baton.bench.handover;

/**
 * What is measured, and under what load.
 *
 * @param handovers       changes of the process in mode turns
 * @param fresh           changes of the process in mode fresh
 * @param kills           owners killed in mode killed
 * @param plain           restarts in modes passed and plain
 * @param moves           changes of the agent in mode agents
 * @param lanes           queue pairs of each guest, each a lane that changes its owner by itself
 * @param framesPerSecond all lanes, both directions
 * @param frameBytes      of an Ethernet frame
 * @param rounds          round trips of the cache line
 * @param tap             whether the guest talks to the kernel behind a TAP instead of another guest
 */
record Options(int handovers, int fresh, int kills, int plain, int moves, int lanes, int framesPerSecond,
               int frameBytes, int rounds, boolean tap) {
}
