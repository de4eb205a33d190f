package dev.baton.tools.options;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a datapath is handed over to its next owner. Both owners have such options, and they must agree.
 *
 * @param backendTransfer the global switch: whether the state of back ends goes over
 * @param older           whether the compatibility profile of version 0.1 holds, in which the switch of a device is off
 *     unless its port says otherwise
 */
public record TransferOptions(boolean backendTransfer, boolean older) {
    /** Back ends go over, by the rules of this version. */
    public static final TransferOptions DEFAULT = new TransferOptions(true, false);

    private static final String OLDER = "0.1";
    private static final String CURRENT = "current";

    /**
     * These options with the global switch as a line says.
     *
     * @param line the option
     * @return other options
     */
    public TransferOptions withBackendTransfer(OptionLine line) {
        return switch (line.value()) {
            case "on" -> new TransferOptions(true, older);
            case "off" -> new TransferOptions(false, older);
            default -> throw line.refuse("the switch is " + Syntax.SWITCH);
        };
    }

    /**
     * These options with the profile that a line names.
     *
     * @param line the option
     * @return other options
     */
    public TransferOptions withProfile(OptionLine line) {
        return switch (line.value()) {
            case CURRENT -> new TransferOptions(backendTransfer, false);
            case OLDER -> new TransferOptions(backendTransfer, true);
            default -> throw line.refuse("the profile is " + Syntax.PROFILE);
        };
    }

    /**
     * The profile as owners tell each other.
     *
     * @return its name, empty for this version's own
     */
    public String profile() {
        return older ? OLDER : "";
    }

    /**
     * The switch of a device.
     *
     * @param said what its port says, null if it says nothing
     * @return on or off
     */
    public boolean device(@Nullable Boolean said) {
        return said == null ? !older : said;
    }

    List<String> describe() {
        List<String> lines = new ArrayList<>();
        lines.add("backend-transfer = " + (backendTransfer ? "on" : "off"));
        if (older) {
            lines.add("profile = " + OLDER);
        }
        return lines;
    }
}
