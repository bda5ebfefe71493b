/** Where everything of a hydrograph goes: from readings to lines, symbols and labels. Pure; `render.ts` draws it. */
import type { ForecastPoint, HydrographPoint, Quality, ThresholdName, Thresholds } from "../api/types";
import { THRESHOLDS } from "../api/types";
import { hourTicks, linear, roundTicks, spread } from "./scale";

export interface Frame {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly from: Date;
  readonly to: Date;
}

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface PlacedPoint {
  readonly x: number;
  /** Null for a missing value. */
  readonly y: number | null;
  readonly point: HydrographPoint;
}

export interface StageLine {
  readonly stage: ThresholdName;
  readonly metres: number;
  readonly y: number;
  readonly labelY: number;
}

/** A level ahead with its interval; the first one is the last level measured, where the interval opens. */
export interface PlacedForecast {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

export interface HydrographLayout {
  readonly box: Box;
  readonly points: readonly PlacedPoint[];
  /** Runs of trusted points that a line may join; a long silence starts a new run. */
  readonly runs: readonly (readonly PlacedPoint[])[];
  readonly ahead: readonly PlacedForecast[];
  readonly stages: readonly StageLine[];
  readonly levelTicks: readonly { readonly metres: number; readonly y: number }[];
  readonly timeTicks: readonly { readonly at: Date; readonly x: number }[];
}

const LABEL_GAP = 15;
const MARGIN = { left: 40, right: 10, top: 12, bottom: 36 } as const;
const HOUR = 3_600_000;

/** A value a line may run through: measured and not known to be wrong. A suspect one may be a real flash rise. */
function drawable(quality: Quality): boolean {
  return quality === "good" || quality === "suspect";
}

/** The lowest and highest metres to show: all stages and all values, with a little air; never of no height. */
export function levelRange(
  points: readonly HydrographPoint[],
  thresholds: Thresholds,
  ahead: readonly ForecastPoint[] = [],
): [number, number] {
  const shown = points.filter((point) => drawable(point.quality)).map((point) => point.level);
  const coming = ahead.flatMap(({ low, high }) => [low, high]);
  const values = [...shown, ...coming, ...THRESHOLDS.map((name) => thresholds[name])].filter(
    (value) => value !== null,
  );
  if (values.length === 0) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const air = Math.max(0.1, (high - low) * 0.08);
  return [low - air, high + air];
}

/**
 * The longest silence, in milliseconds, that a line still bridges: two and a half times the usual interval of this
 * gauge (some report every ten minutes, some daily), at least an hour.
 */
export function longestBridge(points: readonly HydrographPoint[]): number {
  const gaps = points.slice(1).map((point, index) => point.at.getTime() - (points[index]?.at.getTime() ?? 0));
  gaps.sort((a, b) => a - b);
  return Math.max(HOUR, 2.5 * (gaps[Math.floor(gaps.length / 2)] ?? HOUR));
}

function runsOf(points: readonly PlacedPoint[], bridge: number): PlacedPoint[][] {
  const runs: PlacedPoint[][] = [];
  let current: PlacedPoint[] = [];
  let last: PlacedPoint | null = null;
  for (const placed of points) {
    const { quality, at } = placed.point;
    if (placed.y === null || quality === "missing") {
      last = null;
      continue;
    }
    if (!drawable(quality)) continue;
    if (last === null || at.getTime() - last.point.at.getTime() > bridge) {
      current = [];
      runs.push(current);
    }
    current.push(placed);
    last = placed;
  }
  return runs;
}

/** Keeps a value that is far off (a faulty sensor's) at the edge of the picture instead of outside. */
function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

export function layoutHydrograph(
  points: readonly HydrographPoint[],
  thresholds: Thresholds,
  frame: Frame,
  forecast: readonly ForecastPoint[] = [],
): HydrographLayout {
  const box: Box = {
    left: MARGIN.left,
    right: frame.width - MARGIN.right,
    top: MARGIN.top,
    bottom: frame.height - MARGIN.bottom,
  };
  const coming = forecast.filter(({ at }) => at > frame.to);
  const end = coming.at(-1)?.at ?? frame.to;
  const range = levelRange(points, thresholds, coming);
  const y = linear(range, [box.bottom, box.top]);
  const x = linear([frame.from.getTime(), end.getTime()], [box.left, box.right]);
  const inside = points.filter((point) => point.at >= frame.from && point.at <= frame.to);
  const placed = inside.map((point) => ({
    point,
    x: x(point.at.getTime()),
    y: point.level === null ? null : clamp(y(point.level), box.top, box.bottom),
  }));
  const set = THRESHOLDS.flatMap((stage) => {
    const metres = thresholds[stage];
    return metres === null ? [] : [{ stage, metres, y: y(metres) }];
  });
  const labels = spread(
    set.map((line) => line.y - 4),
    LABEL_GAP,
    box.top + 10,
    box.bottom - 4,
  );
  const runs = runsOf(placed, longestBridge(inside));
  const last = runs.at(-1)?.at(-1);
  const ahead = coming.map(({ at, level, low, high }) => ({
    x: x(at.getTime()),
    y: y(level),
    low: y(low),
    high: y(high),
  }));
  if (ahead.length > 0 && last?.y != null) ahead.unshift({ x: last.x, y: last.y, low: last.y, high: last.y });
  const hours = (frame.to.getTime() - frame.from.getTime()) / HOUR;
  const step = hours > 48 ? 12 : frame.width < 480 ? 6 : 3;
  return {
    box,
    points: placed,
    runs,
    ahead,
    stages: set.map((line, index) => ({ ...line, labelY: labels[index] ?? line.y })),
    levelTicks: roundTicks(range[0], range[1], 5).map((metres) => ({ metres, y: y(metres) })),
    timeTicks: hourTicks(frame.from, end, step).map((at) => ({ at, x: x(at.getTime()) })),
  };
}

/** The placed point nearest to `x` in the picture, for the pointer's read-out; null without points. */
export function nearestPoint(layout: HydrographLayout, x: number): PlacedPoint | null {
  return layout.points.reduce<PlacedPoint | null>(
    (best, placed) => (best === null || Math.abs(placed.x - x) < Math.abs(best.x - x) ? placed : best),
    null,
  );
}
