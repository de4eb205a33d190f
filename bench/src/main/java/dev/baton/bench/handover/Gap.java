package dev.baton.bench.handover;

/**
 * One pause of the traffic.
 *
 * @param ns         how long
 * @param firstFrame from its begin to the end of the first burst that moved a frame, nanoseconds; -1: not known
 * @param disturbed  the kernel took a CPU from one of the owners, or the hypervisor one from the machine, meanwhile
 */
record Gap(long ns, long firstFrame, boolean disturbed) {
}
