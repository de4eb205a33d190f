package dev.baton.tools.control;

/** What can be asked for over the control socket. */
public interface ControlCommand {
    /**
     * The word that asks for it.
     *
     * @return one word
     */
    String name();

    /**
     * What it answers, for {@code help}.
     *
     * @return one sentence
     */
    String summary();

    /**
     * Answers. Runs on the server's thread, so it must not wait for long; what it throws becomes an error reply.
     *
     * @param argument the line after the command's name, stripped, often empty
     * @return the reply
     */
    ControlReply answer(String argument);
}
