package dev.baton.tools.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;

/** A web server in a namespace, with one file of noise: {@code /data}. */
final class HttpFile implements AutoCloseable {
    static final int PORT = 8080;

    private final Child child;
    private final String md5;

    private HttpFile(Child child, String md5) {
        this.child = child;
        this.md5 = md5;
    }

    /** Makes the file in a new folder and serves it. */
    static HttpFile serve(Namespace namespace, Path folder, int megabytes) {
        try {
            Files.createDirectory(folder);
            MessageDigest digest = MessageDigest.getInstance("MD5");
            Random random = new Random(megabytes);
            byte[] chunk = new byte[1 << 20];
            try (var out = Files.newOutputStream(folder.resolve("data"))) {
                for (int i = 0; i < megabytes; i++) {
                    random.nextBytes(chunk);
                    digest.update(chunk);
                    out.write(chunk);
                }
            }
            return new HttpFile(Child.start("httpd", namespace.exec("busybox", "httpd", "-f", "-p",
                    Integer.toString(PORT), "-h", folder.toString())), HexFormat.of().formatHex(digest.digest()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    String md5() {
        return md5;
    }

    @Override
    public void close() {
        child.close();
    }
}
