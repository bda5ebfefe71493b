/** How gauges compare by danger, and how far each is from its next stage. Pure. */
import type { Gauge, Stage, ThresholdName, Trend } from "../api/types";
import { STAGES, THRESHOLDS } from "../api/types";

const TREND_ORDER: Readonly<Record<Trend, number>> = { rising: 0, steady: 1, unknown: 1, falling: 2 };

/**
 * Where the level stands between the stages that are set: so far to the next one, so far above the highest, or so
 * far below the stage that is still held (a stage ends only some time after the level has fallen below it).
 */
export interface Margin {
  readonly kind: "toNext" | "above" | "fallen";
  readonly stage: ThresholdName;
  /** At least 0. */
  readonly metres: number;
}

type Standing = Pick<Gauge, "level" | "thresholds" | "stage">;

function rankOf(stage: Stage): number {
  return (THRESHOLDS as readonly Stage[]).indexOf(stage);
}

/** The first stage set above the one that is judged and above the level; null if there is none. */
function nextAbove({ level, thresholds, stage }: Standing): Margin | null {
  for (const [rank, name] of THRESHOLDS.entries()) {
    const at = thresholds[name];
    if (level !== null && at !== null && rank > rankOf(stage) && at > level) {
      return { kind: "toNext", stage: name, metres: at - level };
    }
  }
  return null;
}

/** Null without a level or without any stage. */
export function marginOf(gauge: Standing): Margin | null {
  const { level, thresholds, stage } = gauge;
  if (level === null) return null;
  const held = THRESHOLDS.find((name) => name === stage);
  const line = held === undefined ? null : thresholds[held];
  if (held !== undefined && line !== null && level < line) {
    return { kind: "fallen", stage: held, metres: line - level };
  }
  const next = nextAbove(gauge);
  if (next !== null) return next;
  const highest = [...THRESHOLDS].reverse().find((name) => thresholds[name] !== null);
  if (highest === undefined) return null;
  return { kind: "above", stage: highest, metres: Math.max(0, level - (thresholds[highest] ?? level)) };
}

/** Ascending: the nearer to the next stage the smaller; above the highest, the higher the smaller; no margin last. */
function closeness(gauge: Gauge): number {
  const next = nextAbove(gauge);
  if (next !== null) return next.metres;
  const margin = marginOf(gauge);
  if (margin === null) return Number.POSITIVE_INFINITY;
  return margin.kind === "above" ? -margin.metres : margin.metres;
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Stage first, then rising before falling, then how near the next stage is; names make the order stable. */
export function compareByDanger(a: Gauge, b: Gauge): number {
  return (
    compare(STAGES.indexOf(a.stage), STAGES.indexOf(b.stage)) ||
    compare(TREND_ORDER[a.trend], TREND_ORDER[b.trend]) ||
    compare(closeness(a), closeness(b)) ||
    a.name.localeCompare(b.name, "ja") ||
    a.id.localeCompare(b.id)
  );
}

export interface StageGroup {
  readonly stage: Stage;
  readonly gauges: readonly Gauge[];
}

/** The gauges by stage, most urgent first, without empty groups. */
export function groupByStage(gauges: readonly Gauge[]): StageGroup[] {
  const sorted = [...gauges].sort(compareByDanger);
  return STAGES.map((stage) => ({ stage, gauges: sorted.filter((gauge) => gauge.stage === stage) })).filter(
    (group) => group.gauges.length > 0,
  );
}

function fold(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, "");
}

/** The gauges whose name, river or address has every word of `query` in it, whatever the width of the letters. */
export function filterGauges(gauges: readonly Gauge[], query: string): readonly Gauge[] {
  const words = query
    .split(/[\s\u3000]+/u)
    .map(fold)
    .filter((word) => word !== "");
  if (words.length === 0) return gauges;
  return gauges.filter((gauge) => {
    const haystack = fold(`${gauge.name} ${gauge.river} ${gauge.address ?? ""}`);
    return words.every((word) => haystack.includes(word));
  });
}
