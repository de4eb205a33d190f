package dev.baton.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.ffi.Fd;
import dev.baton.ffi.NetworkNamespace;
import dev.baton.ffi.SyscallException;
import dev.baton.ffi.TunTap;

/** What a test needs of the machine; where CI says that it must be there, its lack is a failure. */
final class Privileges {
    private Privileges() {
    }

    static void requireTap() {
        boolean there = haveTap();
        if ("1".equals(System.getenv("BATON_REQUIRE_CLIENTS"))) {
            assertThat(there).as("TAP and network namespaces").isTrue();
        }
        assumeTrue(there, "no TAP or no network namespaces");
    }

    private static boolean haveTap() {
        try (Fd _ = NetworkNamespace.create(); Fd _ = TunTap.openClone()) {
            return true;
        } catch (SyscallException e) {
            return false;
        }
    }
}
