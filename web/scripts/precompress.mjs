// Writes gzip and Brotli twins beside every text file of the build, so that a server sends them without any work.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const TEXT = /\.(html|js|css|svg|geojson)$/;

/** A Vite plugin; runs when all files of the build have been written. */
export function precompress() {
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      for (const name of await readdir(folder, { recursive: true })) {
        if (!TEXT.test(name)) continue;
        const path = join(folder, name);
        const text = await readFile(path);
        await writeFile(`${path}.gz`, gzipSync(text, { level: 9 }));
        await writeFile(`${path}.br`, brotliCompressSync(text));
      }
    },
  };
}
