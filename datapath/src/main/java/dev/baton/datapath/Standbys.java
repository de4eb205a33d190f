package dev.baton.datapath;

import java.util.ArrayList;
import java.util.List;

/** Those who follow a datapath, to go on when its owner dies. Conductor's thread only. */
final class Standbys {
    private final List<StandbyFeed> feeds = new ArrayList<>();

    void add(StandbyFeed feed) {
        feeds.add(feed);
    }

    /** Tells all of them what has changed; whether all know everything now. */
    boolean tell() {
        boolean all = true;
        for (int i = feeds.size() - 1; i >= 0; i--) {
            if (feeds.get(i).isOver()) {
                feeds.remove(i);
            } else {
                all &= feeds.get(i).tell();
            }
        }
        return all;
    }

    /** Where each of them stands, in the order in which they came. */
    List<StandbyStatus> status() {
        List<StandbyStatus> all = new ArrayList<>();
        for (StandbyFeed feed : feeds) {
            StandbyStatus status = feed.status();
            if (status != null) {
                all.add(status);
            }
        }
        return List.copyOf(all);
    }

    /** Whether all know everything. */
    boolean upToDate() {
        for (StandbyFeed feed : feeds) {
            if (!feed.isUpToDate() && !feed.isOver()) {
                return false;
            }
        }
        return true;
    }
}
