/** The shapes that the gateway's map routes answer with, after `decode.ts` has looked at every field. */

/** From the most to the least urgent; `unknown` is a silent gauge, `none` one without any stage set. */
export const STAGES = [
  "overflow",
  "danger",
  "evacuation",
  "caution",
  "standby",
  "unknown",
  "below",
  "none",
] as const;
export type Stage = (typeof STAGES)[number];

/** The four official stages of a gauge, from the lowest to the highest. */
export const THRESHOLDS = ["standby", "caution", "evacuation", "danger"] as const;
export type ThresholdName = (typeof THRESHOLDS)[number];
/** Metres above the gauge's own zero; null where the manager has set none. */
export type Thresholds = Readonly<Record<ThresholdName, number | null>>;

export const TRENDS = ["rising", "steady", "falling", "unknown"] as const;
export type Trend = (typeof TRENDS)[number];

export const QUALITIES = ["good", "suspect", "bad", "missing"] as const;
export type Quality = (typeof QUALITIES)[number];

export const STATUSES = ["provisional", "confirmed"] as const;
/** 暫定 until a person has confirmed the value, then 確定. */
export type Status = (typeof STATUSES)[number];

export const ALERT_STATUSES = ["actual", "exercise", "test"] as const;
/** 本番, 訓練, テスト. */
export type AlertStatus = (typeof ALERT_STATUSES)[number];

export type Mode = "live" | "replay";
/** Longitude and latitude, in degrees. */
export type LonLat = readonly [number, number];

export interface Config {
  readonly city: { readonly name: string; readonly nameEn: string | null };
  readonly mode: Mode;
  readonly now: Date;
  readonly tileUrl: string | null;
  readonly tileAttribution: string | null;
  /** Who measured what is shown; null when the city itself did. */
  readonly dataAttribution: string | null;
  readonly center: LonLat;
  readonly zoom: number;
  /** The building blocks that this city runs, by name. */
  readonly services: readonly string[];
}

export interface Gauge {
  readonly id: string;
  readonly stationId: string;
  readonly name: string;
  readonly river: string;
  readonly address: string | null;
  readonly manager: string | null;
  readonly location: LonLat | null;
  readonly thresholds: Thresholds;
  /** Metres above the gauge's own zero: may be negative. Null when there is no value. */
  readonly level: number | null;
  /** When the water stood there, not when we heard of it. */
  readonly observedAt: Date | null;
  readonly stage: Stage;
  readonly trend: Trend;
  readonly quality: Quality;
  readonly status: Status;
}

export interface GaugeSnapshot {
  /** The city's present; null when the gateway did not say. */
  readonly now: Date | null;
  readonly gauges: readonly Gauge[];
}

/** The picture that a gateway or a cache goes on serving while the city's database is away. */
export interface PublicSnapshot extends GaugeSnapshot {
  readonly alerts: readonly Alert[];
  /** Seconds since it was made. */
  readonly age: number;
}

export interface HydrographPoint {
  readonly at: Date;
  readonly level: number | null;
  readonly quality: Quality;
  readonly status: Status;
  /** Above 0: a correction of an earlier value for the same time. */
  readonly version: number;
}

/** A level forecast: the middle and the ends of the interval in which four of five levels should come to lie. */
export interface ForecastPoint {
  readonly at: Date;
  readonly level: number;
  readonly low: number;
  readonly high: number;
}

export interface Hydrograph {
  readonly id: string;
  readonly thresholds: Thresholds;
  readonly points: readonly HydrographPoint[];
  /** Empty where the city shows none to this reader. */
  readonly forecast: readonly ForecastPoint[];
}

export interface Alert {
  readonly id: string;
  readonly gauge: string | null;
  readonly gaugeName: string;
  readonly river: string;
  readonly stage: Stage;
  readonly status: AlertStatus;
  readonly issuedAt: Date | null;
  readonly headline: string;
  readonly headlineEn: string | null;
  readonly description: string;
}

/** One entity's change, as the log's topic `changes` carries it; only what this page reads. */
export interface Change {
  readonly entity: string;
  readonly type: readonly string[];
  readonly op: "create" | "update" | "delete";
  readonly attributes: Readonly<Record<string, unknown>>;
}
