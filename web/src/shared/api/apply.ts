/** What a change on the event stream does to the gauges on the page. Pure. */
import type { Change, Gauge } from "./types";

/** `refetch` names what the page cannot work out from the change alone and must ask the gateway for again. */
export interface Applied {
  readonly gauges: readonly Gauge[];
  readonly refetch: readonly ("gauges" | "alerts")[];
}

interface Level {
  readonly value: number;
  readonly observedAt: Date;
}

/** The normalized NGSI-LD Property `waterLevel` (metres, with `observedAt`), or null if it is anything else. */
export function levelOf(attribute: unknown): Level | null {
  if (typeof attribute !== "object" || attribute === null) return null;
  const { value, observedAt } = attribute as { value?: unknown; observedAt?: unknown };
  if (typeof value !== "number" || !Number.isFinite(value) || typeof observedAt !== "string") return null;
  const time = new Date(observedAt);
  return Number.isNaN(time.getTime()) ? null : { value, observedAt: time };
}

/**
 * A new level is shown at once, also before its stage has been judged. A level older than the shown one is late
 * and changes nothing here (the hydrograph will have it). Whatever else changed is asked for again.
 */
export function applyChange(gauges: readonly Gauge[], change: Change): Applied {
  if (change.type.includes("Alert")) return { gauges, refetch: ["alerts"] };
  if (!change.type.includes("WaterObserved") || change.op !== "update")
    return { gauges, refetch: ["gauges"] };
  const index = gauges.findIndex((gauge) => gauge.id === change.entity);
  const gauge = gauges[index];
  const level = levelOf(change.attributes.waterLevel);
  if (gauge === undefined || level === null) return { gauges, refetch: ["gauges"] };
  if (gauge.observedAt !== null && level.observedAt < gauge.observedAt) return { gauges, refetch: [] };
  const next = [...gauges];
  next[index] = { ...gauge, level: level.value, observedAt: level.observedAt };
  return { gauges: next, refetch: [] };
}
