package dev.baton.tap;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.TunTap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Where netdevice(7) calls for a TAP have to be made: in its network namespace, under the name that it has now.
 *
 * @param queue any queue of the device, which tells the name; not owned
 * @param namespace the device's namespace, owned, or {@code null} for the calling thread's
 */
record InterfaceScope(Fd queue, @Nullable Fd namespace) implements AutoCloseable {
    <T> T call(Function<String, T> action) {
        return in(namespace, () -> action.apply(TunTap.getIff(queue).name()));
    }

    void run(Consumer<String> action) {
        call(name -> {
            action.accept(name);
            return name;
        });
    }

    /** Makes a call on this thread in {@code namespace}, or where the thread is. */
    static <T> T in(@Nullable Fd namespace, Supplier<T> action) {
        return namespace == null ? action.get() : NetworkNamespace.call(namespace, action);
    }

    @Override
    public void close() {
        if (namespace != null) {
            namespace.close();
        }
    }
}
