import { describe, expect, it, vi } from "vitest";
import { Feed } from "../../src/resident/feed";
import { initialState, Store } from "../../src/resident/state";
import { type Api, ApiError } from "../../src/shared/api/client";
import type { Config, Gauge, GaugeSnapshot, PublicSnapshot } from "../../src/shared/api/types";
import { ja } from "../../src/shared/language/ja";
import type { Source, StreamPorts } from "../../src/shared/stream/stream";
import { CityClock } from "../../src/shared/time/clock";
import { gauge, HARAME } from "../gauges";

const NOW = new Date("2023-07-12T22:45:00Z");
const CONFIG: Config = {
  city: { name: "福井県", nameEn: null },
  mode: "live",
  now: NOW,
  tileUrl: null,
  tileAttribution: null,
  dataAttribution: null,
  services: [],
  center: [136.2, 35.9],
  zoom: 8.5,
};

/** A gateway whose answers to "gauges" are given by hand, one by one. */
class HandGateway implements Api {
  readonly eventsUrl = "/events";
  readonly asked: { answer(gauges: readonly Gauge[]): void; fail(): void }[] = [];

  config = async () => CONFIG;
  alerts = async () => [];
  kept: PublicSnapshot | null = null;
  snapshot = async () => {
    if (this.kept === null) throw new ApiError("away");
    return this.kept;
  };
  hydrograph = async () => ({ id: HARAME.id, thresholds: HARAME.thresholds, points: [], forecast: [] });

  gauges(): Promise<GaugeSnapshot> {
    return new Promise((resolve, reject) => {
      this.asked.push({
        answer: (gauges) => resolve({ now: NOW, gauges }),
        fail: () => reject(new ApiError("away")),
      });
    });
  }
}

function setUp() {
  const listeners = new Map<string, (event: MessageEvent<string>) => void>();
  const source: Source = {
    readyState: 0,
    onopen: null,
    onerror: null,
    addEventListener: (type, listener) => listeners.set(type, listener),
    close: () => undefined,
  };
  const waits: { ms: number; run: () => void; cancelled: boolean }[] = [];
  const ports: StreamPorts = {
    open: () => source,
    later: (ms, run) => {
      const wait = { ms, run, cancelled: false };
      waits.push(wait);
      return () => {
        wait.cancelled = true;
      };
    },
    random: () => 0,
  };
  const store = new Store(initialState(ja, null));
  const api = new HandGateway();
  const clock = new CityClock({ wall: () => 0, steady: () => 0 });
  const feed = new Feed(api, store, clock, ports, () => 0);
  const level = (value: number, observedAt: string) => {
    const attributes = { waterLevel: { type: "Property", value, observedAt } };
    const data = JSON.stringify({ entity: HARAME.id, type: ["WaterObserved"], op: "update", attributes });
    listeners.get("change")?.(new MessageEvent("change", { data }));
  };
  const pending = (longest: number) => waits.filter((wait) => !wait.cancelled && wait.ms <= longest);
  return { feed, store, api, waits, level, pending, source, listeners };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("Feed", () => {
  it("does not let an answer that was under way undo a newer change", async () => {
    const { feed, store, api, level, listeners, pending } = setUp();
    feed.start();
    await settle();
    api.asked[0]?.answer([HARAME]);
    await settle();
    listeners.get("gap")?.(new MessageEvent("gap", { data: "{}" }));
    pending(1_400).at(-1)?.run();
    await settle();
    expect(api.asked).toHaveLength(2);
    level(2.3, "2023-07-12T22:50:00Z");
    api.asked[1]?.answer([gauge({ river: "asked before the change" })]);
    await settle();
    expect(store.get().gauges?.[0]).toMatchObject({ level: 2.3, river: "asked before the change" });
  });

  it("takes an answer asked for after a change whole, also when a replay set the time back", async () => {
    const { feed, store, api, level, listeners, pending } = setUp();
    feed.start();
    await settle();
    api.asked[0]?.answer([HARAME]);
    await settle();
    level(2.3, "2023-07-12T22:50:00Z");
    expect(store.get().gauges?.[0]?.level).toBe(2.3);
    listeners.get("gap")?.(new MessageEvent("gap", { data: "{}" }));
    pending(1_400).at(-1)?.run();
    await settle();
    api.asked[1]?.answer([gauge({ level: 0.4, observedAt: new Date("2023-07-12T21:00:00Z") })]);
    await settle();
    expect(store.get().gauges?.[0]?.level).toBe(0.4);
  });

  it("tries again once, not in ever more chains, while the gateway is away", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { feed, store, api, waits, source } = setUp();
    feed.start();
    await settle();
    for (let round = 0; round < 5; round += 1) {
      api.asked.at(-1)?.fail();
      await settle();
      expect(store.get().failed).toBe(true);
      // The stream comes back and is lost again: each return asks at once, beside the retry that waits.
      source.onerror?.(new Event("error"));
      source.onopen?.(new Event("open"));
      await settle();
    }
    const retries = waits.filter((wait) => !wait.cancelled && wait.ms >= 1_000 && wait.ms < 60_000);
    expect(retries.length).toBeLessThanOrEqual(1);
    api.asked.at(-1)?.answer([HARAME]);
    await settle();
    expect(store.get()).toMatchObject({ failed: false, gauges: [HARAME] });
  });

  it("shows what was kept of the city while it does not answer, and never what is older than it has", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { feed, store, api, pending } = setUp();
    const kept = (at: Date, level: number) => ({ now: at, gauges: [gauge({ level })], alerts: [], age: 90 });
    api.kept = kept(NOW, 1.5);
    feed.start();
    await settle();
    api.asked[0]?.fail();
    await settle();
    expect(store.get()).toMatchObject({ failed: true, answeredAt: NOW, gauges: [{ level: 1.5 }] });
    api.kept = kept(new Date(NOW.getTime() - 60_000), 0.1);
    pending(5_000).at(-1)?.run();
    await settle();
    api.asked[1]?.fail();
    await settle();
    expect(store.get()).toMatchObject({ failed: true, answeredAt: NOW, gauges: [{ level: 1.5 }] });
    pending(60_000).at(-1)?.run();
    await settle();
    api.asked[2]?.answer([HARAME]);
    await settle();
    expect(store.get()).toMatchObject({ failed: false, gauges: [HARAME] });
  });

  it("asks for the gauges once after a burst of judgements", async () => {
    const { feed, api, listeners, pending } = setUp();
    feed.start();
    await settle();
    api.asked[0]?.answer([HARAME]);
    await settle();
    const data = JSON.stringify({ entity: "urn:f", type: ["FloodMonitoring"], op: "update" });
    for (let count = 0; count < 50; count += 1)
      listeners.get("change")?.(new MessageEvent("change", { data }));
    const soon = pending(1_400);
    expect(soon).toHaveLength(1);
    soon[0]?.run();
    await settle();
    expect(api.asked).toHaveLength(2);
  });
});
