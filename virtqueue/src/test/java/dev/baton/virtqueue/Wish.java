package dev.baton.virtqueue;

/**
 * What one side wants to be told of, as the specification has it (virtio 1.2, 2.7.10 and 2.8.10), in places that never
 * wrap.
 *
 * <p>A position comes again after a {@link WorldPlan#cycle}, and who said long ago from where on it wants to be told
 * is told when the other side is there again. That is one notification in vain, and none that is missed.
 */
final class Wish {
    private final boolean eventIdx;
    private final boolean packed;
    private final int cycle;
    private boolean on;
    private int at;

    Wish(WorldPlan plan) {
        eventIdx = plan.has(Features.EVENT_IDX);
        packed = plan.format() == RingFormat.PACKED;
        cycle = plan.cycle();
        on = !packed;
    }

    /** To be told of what is behind this place. */
    void from(int place) {
        on = true;
        at = place;
    }

    /** Not to be told, where there is a way to say so: a split ring with EVENT_IDX has none. */
    void off() {
        on = !packed && eventIdx;
    }

    boolean isOn() {
        return on;
    }

    /** Whether this side is to be told when the other one has gone from one place to another. */
    boolean due(int from, int to) {
        return on && from != to && (!eventIdx || Math.floorMod(at - from, cycle) < to - from);
    }

    /** Wishes with the same key are the same. */
    char key() {
        return (char) (on ? eventIdx ? 1 + at : 1 : 0);
    }

    @Override
    public String toString() {
        return on ? eventIdx ? "from " + at : "on" : "off";
    }
}
