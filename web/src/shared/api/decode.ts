/**
 * From JSON that came over the network to our types. Pure.
 *
 * A wrong field in a whole answer is a `DecodeError` that names the field. A wrong gauge among a hundred must
 * not hide the others: lists skip what they cannot read and hand each reason to `skipped`. An unknown word where one of a
 * few is expected becomes the word that claims least ("unknown", "bad"), never one that calms.
 */
import type {
  Alert,
  Change,
  Config,
  ForecastPoint,
  Gauge,
  GaugeSnapshot,
  Hydrograph,
  HydrographPoint,
  LonLat,
  Thresholds,
} from "./types";
import { ALERT_STATUSES, QUALITIES, STAGES, STATUSES, THRESHOLDS, TRENDS } from "./types";

export class DecodeError extends Error {
  override name = "DecodeError";
}

export type Skipped = (reason: DecodeError) => void;
type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DecodeError(`${at}: an object is needed`);
  }
  return value as Fields;
}

function text(from: Fields, key: string, at: string): string {
  const value = from[key];
  if (typeof value !== "string" || value === "") throw new DecodeError(`${at}.${key}: a text is needed`);
  return value;
}

function textOrNull(from: Fields, key: string): string | null {
  const value = from[key];
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A time with its zone (ISO 8601); null for none or for one we cannot read. */
function timeOrNull(value: unknown): Date | null {
  if (typeof value !== "string") return null;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? null : time;
}

function oneOf<T extends string>(words: readonly T[], value: unknown, otherwise: T): T {
  return words.find((word) => word === value) ?? otherwise;
}

function list<T>(value: unknown, at: string, one: (item: unknown, at: string) => T, skipped: Skipped): T[] {
  if (!Array.isArray(value)) throw new DecodeError(`${at}: a list is needed`);
  const out: T[] = [];
  for (const [index, item] of value.entries()) {
    try {
      out.push(one(item, `${at}[${index}]`));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      skipped(error);
    }
  }
  return out;
}

function lonLat(value: unknown): LonLat | null {
  if (!Array.isArray(value)) return null;
  const lon = numberOrNull(value[0]);
  const lat = numberOrNull(value[1]);
  if (lon === null || lat === null || Math.abs(lon) > 180 || Math.abs(lat) > 90) return null;
  return [lon, lat];
}

function thresholds(value: unknown): Thresholds {
  const from = typeof value === "object" && value !== null ? (value as Fields) : {};
  const entries = THRESHOLDS.map((name) => [name, numberOrNull(from[name])] as const);
  return Object.fromEntries(entries) as Thresholds;
}

export function decodeConfig(value: unknown): Config {
  const from = fields(value, "config");
  const city = fields(from.city, "config.city");
  const now = timeOrNull(from.now);
  if (now === null) throw new DecodeError("config.now: a time with its zone is needed");
  return {
    city: { name: text(city, "name", "config.city"), nameEn: textOrNull(city, "nameEn") },
    mode: from.mode === "replay" ? "replay" : "live",
    now,
    tileUrl: textOrNull(from, "tileUrl"),
    tileAttribution: textOrNull(from, "tileAttribution"),
    dataAttribution: textOrNull(from, "dataAttribution"),
    center: lonLat(from.center) ?? [137, 36.5],
    zoom: numberOrNull(from.zoom) ?? 5,
    services: Array.isArray(from.services) ? from.services.map(String) : [],
  };
}

function decodeGauge(value: unknown, at: string): Gauge {
  const from = fields(value, at);
  const location = from.location === null || from.location === undefined ? {} : fields(from.location, at);
  return {
    id: text(from, "id", at),
    stationId: textOrNull(from, "stationId") ?? text(from, "id", at),
    name: text(from, "name", at),
    river: textOrNull(from, "river") ?? "",
    address: textOrNull(from, "address"),
    manager: textOrNull(from, "manager"),
    location: lonLat(location.coordinates),
    thresholds: thresholds(from.thresholds),
    level: numberOrNull(from.level),
    observedAt: timeOrNull(from.observedAt),
    stage: oneOf(STAGES, from.stage, "unknown"),
    trend: oneOf(TRENDS, from.trend, "unknown"),
    quality: oneOf(QUALITIES, from.quality, "bad"),
    status: oneOf(STATUSES, from.status, "provisional"),
  };
}

export function decodeGauges(value: unknown, skipped: Skipped): GaugeSnapshot {
  const from = fields(value, "gauges");
  return { now: timeOrNull(from.now), gauges: list(from.gauges, "gauges", decodeGauge, skipped) };
}

function decodePoint(value: unknown, at: string): HydrographPoint {
  const from = fields(value, at);
  const time = timeOrNull(from.at);
  if (time === null) throw new DecodeError(`${at}.at: a time with its zone is needed`);
  return {
    at: time,
    level: numberOrNull(from.level),
    quality: oneOf(QUALITIES, from.quality, "bad"),
    status: oneOf(STATUSES, from.status, "provisional"),
    version: numberOrNull(from.version) ?? 0,
  };
}

function decodeForecast(value: unknown, at: string): ForecastPoint {
  const from = fields(value, at);
  const time = timeOrNull(from.at);
  const [level, low, high] = [from.level, from.low, from.high].map(numberOrNull);
  if (time === null || level == null || low == null || high == null) {
    throw new DecodeError(`${at}: a time and three levels are needed`);
  }
  return { at: time, level, low, high };
}

/** The points come out in order of time. */
export function decodeHydrograph(value: unknown, skipped: Skipped): Hydrograph {
  const from = fields(value, "hydrograph");
  const points = list(from.points, "hydrograph.points", decodePoint, skipped);
  points.sort((a, b) => a.at.getTime() - b.at.getTime());
  const forecast = list(from.forecast ?? [], "hydrograph.forecast", decodeForecast, skipped);
  forecast.sort((a, b) => a.at.getTime() - b.at.getTime());
  return { id: text(from, "id", "hydrograph"), thresholds: thresholds(from.thresholds), points, forecast };
}

function decodeAlert(value: unknown, at: string): Alert {
  const from = fields(value, at);
  return {
    id: text(from, "id", at),
    gauge: textOrNull(from, "gauge"),
    gaugeName: textOrNull(from, "gaugeName") ?? "",
    river: textOrNull(from, "river") ?? "",
    stage: oneOf(STAGES, from.stage, "unknown"),
    // A status we do not know is shown as a real alert: better one too many than one taken for a drill.
    status: oneOf(ALERT_STATUSES, from.status, "actual"),
    issuedAt: timeOrNull(from.issuedAt),
    headline: text(from, "headline", at),
    headlineEn: textOrNull(from, "headlineEn"),
    description: textOrNull(from, "description") ?? "",
  };
}

export function decodeAlerts(value: unknown, skipped: Skipped): Alert[] {
  return list(fields(value, "alerts").alerts, "alerts", decodeAlert, skipped);
}

/** A change as the event stream carries it. `type` may be one name or several (NGSI-LD 4.5.1). */
export function decodeChange(value: unknown): Change {
  const from = fields(value, "change");
  const type = Array.isArray(from.type) ? from.type : [from.type];
  const op = oneOf(["create", "update", "delete"] as const, from.op, "update");
  const attributes = from.attributes === undefined ? {} : fields(from.attributes, "change.attributes");
  return {
    entity: text(from, "entity", "change"),
    type: type.filter((name): name is string => typeof name === "string"),
    op,
    attributes,
  };
}
