package dev.baton.datapath;

import dev.baton.ffi.Epoll;
import dev.baton.ffi.Fd;
import dev.baton.ffi.SyscallException;
import java.util.ArrayList;
import java.util.List;

/**
 * Which of an agent's TAP queues have frames, found out with one call for all of them. They are watched edge-triggered:
 * a report says that a frame came since the last one, so whoever takes it reads until the queue has nothing.
 */
final class TapWatch implements AutoCloseable {
    /** A look costs what one read costs that finds nothing, and more for each queue that it tells of. */
    private static final int WORTH_IT = 4;

    private final Epoll epoll = Epoll.create();
    private final List<Fd> watched = new ArrayList<>();
    private boolean complete;

    /**
     * Watches the TAP queues of these lanes and of no others.
     *
     * @return false when one of them cannot be waited for
     */
    boolean watch(Lane[] lanes) {
        watched.forEach(epoll::remove);
        watched.clear();
        complete = true;
        for (int i = 0; i < lanes.length; i++) {
            for (Transfer transfer : lanes[i].transfers()) {
                Fd input = transfer.tapInput();
                if (input != null) {
                    watch(input, i);
                }
            }
        }
        return complete;
    }

    private void watch(Fd input, int lane) {
        try {
            epoll.add(input, Epoll.IN | Epoll.ET, lane);
            watched.add(input);
        } catch (SyscallException e) {
            complete = false;
        }
    }

    /** Whether reports tell of every TAP queue, of so many that it is worth it. */
    boolean worthIt() {
        return complete && watched.size() >= WORTH_IT;
    }

    /** Readable while there is a report to be taken. */
    Fd fd() {
        return epoll.fd();
    }

    /** Hot: takes reports; returns how many. */
    int look() {
        return watched.isEmpty() ? 0 : epoll.await(0);
    }

    /** Hot: the number of the lane that a report is about. */
    int lane(int report) {
        return (int) epoll.data(report);
    }

    @Override
    public void close() {
        epoll.close();
    }
}
