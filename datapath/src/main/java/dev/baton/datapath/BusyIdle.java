package dev.baton.datapath;

import org.agrona.concurrent.IdleStrategy;

/** Polls without pause, as long as there is anything to poll: an agent without lanes sleeps until it is given one. */
final class BusyIdle implements IdleStrategy {
    private final DatapathAgent agent;

    BusyIdle(DatapathAgent agent) {
        this.agent = agent;
    }

    @Override
    public void idle(int workCount) {
        if (workCount <= 0) {
            idle();
        }
    }

    @Override
    public void idle() {
        if (agent.ownsNothing()) {
            agent.sleep();
        } else {
            Thread.onSpinWait();
        }
    }

    @Override
    public void reset() {
    }

    @Override
    public String alias() {
        return "busy";
    }
}
