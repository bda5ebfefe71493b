import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { basemap } from "./scripts/basemap.mjs";
import { frame } from "./scripts/frame.mjs";
import { precompress } from "./scripts/precompress.mjs";

const PAGES = [
  "index",
  "person",
  "privacy",
  "tags",
  "searches",
  "login",
  "account",
  "logout",
  "authorize",
  "developer",
  "staff",
  "officer",
  "review",
  "shelter",
  "safety",
  "bus",
  "bus-operator",
  "bus-driver",
  "bus-dispatch",
  "bus-area",
  "bus-report",
  "catalogue",
  "usage",
  "points",
  "points-till",
  "points-manager",
  "points-treasury",
  "chargers",
  "chargers-console",
];

const WORKERS = { "bus-driver-worker": "src/driver/worker.ts", "push-worker": "src/push/worker.ts" };

// One HTML entry per audience; relative addresses, so that the gateway may serve the folder at any path.
export default defineConfig({
  base: "./",
  plugins: [basemap(), frame("index.html"), precompress()],
  build: {
    target: "es2020",
    outDir: "dist",
    emptyOutDir: true,
    // A data: address would need a wider Content-Security-Policy than 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: {
        ...Object.fromEntries(PAGES.map((page) => [page, resolve(import.meta.dirname, `${page}.html`)])),
        ...Object.fromEntries(
          Object.entries(WORKERS).map(([name, file]) => [name, resolve(import.meta.dirname, file)]),
        ),
      },
      output: {
        // A service worker keeps its address; everything else is named by its content.
        entryFileNames: ({ name }) => (name in WORKERS ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
  server: { proxy: { "/api": process.env.CITYOS_WEB_API ?? "http://127.0.0.1:8080" } },
  test: { include: ["tests/**/*.test.ts"] },
});
