package dev.baton.tools.options;

import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** Reads {@code 0,2-3} as the kernel's own lists are written (cpuset(7)). */
final class CpuList {
    private static final int MAX_CPU = 8191;

    private CpuList() {
    }

    static List<Integer> parse(OptionLine line) {
        SortedSet<Integer> cpus = new TreeSet<>();
        for (String part : line.value().split(",", -1)) {
            int dash = part.indexOf('-');
            int first = Numbers.parse(dash < 0 ? part : part.substring(0, dash));
            int last = dash < 0 ? first : Numbers.parse(part.substring(dash + 1));
            if (first < 0 || last < first || last > MAX_CPU) {
                throw line.refuse("'" + part + "' is no CPU and no range of CPUs, write " + Syntax.CPUS);
            }
            for (int cpu = first; cpu <= last; cpu++) {
                if (!cpus.add(cpu)) {
                    throw line.refuse("CPU " + cpu + " is given twice");
                }
            }
        }
        return List.copyOf(cpus);
    }
}
