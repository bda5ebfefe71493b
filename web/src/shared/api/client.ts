/** Reads the gateway's JSON. Every wait has an end; every failure is an `ApiError` that says what failed. */
import { decodeAlerts, decodeConfig, decodeGauges, decodeHydrograph, type Skipped } from "./decode";
import type { Alert, Config, GaugeSnapshot, Hydrograph, PublicSnapshot } from "./types";

const TIMEOUT_MS = 15_000;

export class ApiError extends Error {
  override name = "ApiError";
}

const warn: Skipped = (reason) => console.warn(`skipped: ${reason.message}`);

interface Answer {
  readonly body: unknown;
  /** Seconds since the answer was made, where whoever kept it says so (`Age`, RFC 9111, 5.1). */
  readonly age: number;
}

async function getJson(path: string): Promise<unknown> {
  return (await ask(path)).body;
}

async function ask(path: string): Promise<Answer> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(path, {
      headers: { Accept: "application/json" },
      // Ask whether it changed: costs a few bytes on a slow line when it did not.
      cache: "no-cache",
      signal: abort.signal,
    });
    if (!response.ok) throw new ApiError(`${path}: status ${response.status}`);
    return { body: await response.json(), age: Number(response.headers.get("Age")) || 0 };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(`${path}: ${abort.signal.aborted ? "no answer in time" : String(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

export interface Api {
  config(): Promise<Config>;
  gauges(): Promise<GaugeSnapshot>;
  alerts(): Promise<Alert[]>;
  /** What was kept of the city for when it cannot answer itself. */
  snapshot(): Promise<PublicSnapshot>;
  hydrograph(id: string, from: Date, to: Date): Promise<Hydrograph>;
  /** The address of the stream of changes. */
  readonly eventsUrl: string;
}

/** The gateway's routes below `base` (no slash at its end). Rejects with `ApiError` or `DecodeError`. */
export function createApi(base = "/api/v1"): Api {
  return {
    config: async () => decodeConfig(await getJson(`${base}/config`)),
    gauges: async () => decodeGauges(await getJson(`${base}/flood/gauges`), warn),
    alerts: async () => decodeAlerts(await getJson(`${base}/flood/alerts?active=true`), warn),
    snapshot: async () => {
      const { body, age } = await ask(`${base}/public/snapshot`);
      return { ...decodeGauges(body, warn), alerts: decodeAlerts(body, warn), age };
    },
    hydrograph: async (id, from, to) => {
      const query = new URLSearchParams({ from: from.toISOString(), to: to.toISOString() });
      const path = `${base}/flood/gauges/${encodeURIComponent(id)}/hydrograph?${query}`;
      return decodeHydrograph(await getJson(path), warn);
    },
    eventsUrl: `${base}/events?types=WaterObserved,FloodMonitoring,Alert`,
  };
}
