package dev.baton.tools.traffic;

import dev.baton.tools.json.JsonReader;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * What arrived at one end of one or more flows.
 *
 * @param frames     data frames, each counted once
 * @param bytes      their bytes with Ethernet header
 * @param duplicated frames that had arrived before
 * @param reordered  frames that arrived after a later one
 * @param corrupted  datagrams that are not what was sent
 * @param latencyNs  time from sender to receiver
 */
public record Arrivals(long frames, long bytes, long duplicated, long reordered, long corrupted, Histogram latencyNs) {
    /**
     * All flows together.
     *
     * @param flows the flows
     * @return the sum
     */
    public static Arrivals of(List<Flow> flows) {
        long frames = 0;
        long bytes = 0;
        long duplicated = 0;
        long reordered = 0;
        long corrupted = 0;
        Histogram latency = new Histogram(3);
        for (Flow flow : flows) {
            Arrivals one = flow.arrivals();
            frames += one.frames;
            bytes += one.bytes;
            duplicated += one.duplicated;
            reordered += one.reordered;
            corrupted += one.corrupted;
            latency.add(one.latencyNs);
        }
        return new Arrivals(frames, bytes, duplicated, reordered, corrupted, latency);
    }

    /**
     * For another process.
     *
     * @return a tree that {@link #ofTree} reads
     */
    public Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("frames", frames);
        tree.put("bytes", bytes);
        tree.put("duplicated", duplicated);
        tree.put("reordered", reordered);
        tree.put("corrupted", corrupted);
        ByteBuffer buffer = ByteBuffer.allocate(latencyNs.getNeededByteBufferCapacity());
        int length = latencyNs.encodeIntoCompressedByteBuffer(buffer);
        tree.put("latencyNs", Base64.getEncoder().encodeToString(Arrays.copyOf(buffer.array(), length)));
        return tree;
    }

    /**
     * From another process.
     *
     * @param tree what {@link #tree} made
     * @return the same
     */
    public static Arrivals ofTree(@Nullable Object tree) {
        byte[] histogram = Base64.getDecoder().decode(JsonReader.text(tree, "latencyNs"));
        try {
            return new Arrivals(JsonReader.number(tree, "frames").longValue(),
                    JsonReader.number(tree, "bytes").longValue(), JsonReader.number(tree, "duplicated").longValue(),
                    JsonReader.number(tree, "reordered").longValue(), JsonReader.number(tree, "corrupted").longValue(),
                    Histogram.decodeFromCompressedByteBuffer(ByteBuffer.wrap(histogram), 0));
        } catch (DataFormatException e) {
            throw new IllegalArgumentException("no histogram: " + e.getMessage(), e);
        }
    }
}
