/** The night as it stood at a moment, and two sets of rules side by side. Pure. */
import type { Gauge, Stage } from "../shared/api/types";
import type { Area, AreaState } from "../shared/map/areas";
import type { Border } from "../shared/map/borders";
import type { Moment, Report, StageResult } from "./types";

export interface Standing {
  readonly stages: ReadonlyMap<string, Stage>;
  readonly proposed: ReadonlyMap<string, number>;
  readonly force: ReadonlyMap<string, number>;
}

/** What held at `at`: everything that changed until then, one thing after the other. */
export function standingAt(moments: readonly Moment[], at: Date): Standing {
  const stages = new Map<string, Stage>();
  const proposed = new Map<string, number>();
  const force = new Map<string, number>();
  for (const one of moments) {
    if (new Date(one.at) > at) break;
    if (one.gauge !== undefined && one.stage !== undefined) stages.set(one.gauge, one.stage);
    if (one.district === undefined || one.level === undefined) continue;
    (one.kind === "proposed" ? proposed : force).set(one.district, one.level);
  }
  return { stages, proposed, force };
}

/** The gauges as they stood; one of which nothing is known yet counts as silent. */
export function gaugesAt(gauges: readonly Gauge[], { stages }: Standing): Gauge[] {
  return gauges.map((gauge) => ({
    ...gauge,
    stage: stages.get(gauge.id) ?? (gauge.stage === "none" ? "none" : "unknown"),
    level: null,
    trend: "unknown" as const,
  }));
}

/** The districts as they stood; `label` says a level in words. */
export function areasAt(
  borders: readonly Border[],
  { proposed, force }: Standing,
  colour: (level: number) => string,
  label: (state: AreaState, level: number) => string,
): Area[] {
  return borders.map(({ id, name, geometry }) => {
    const held = force.get(id) ?? 0;
    const level = held > 0 ? held : (proposed.get(id) ?? 0);
    const state: AreaState = held > 0 ? "force" : level > 0 ? "proposed" : "calm";
    const words = label(state, level);
    return {
      id,
      geometry,
      state,
      level,
      colour: colour(level),
      label: words === "" ? name : `${name}\n${words}`,
    };
  });
}

export interface Pair {
  readonly name: string;
  readonly stage: Stage;
  readonly current: StageResult | null;
  readonly candidate: StageResult | null;
}

const FIGURES = ["alarms", "false", "missed", "delay_min", "lead_min"] as const;

/** The gauges' stages of which the two sets of rules make something different. */
export function differences(current: Report, candidate: Report): Pair[] {
  const key = (one: StageResult) => `${one.station} ${one.stage}`;
  const before = new Map(current.stages.map((one) => [key(one), one]));
  const after = new Map(candidate.stages.map((one) => [key(one), one]));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const pair = { current: before.get(name) ?? null, candidate: after.get(name) ?? null };
    const one = pair.current ?? pair.candidate;
    if (one === null) return [];
    const same = FIGURES.every((figure) => pair.current?.[figure] === pair.candidate?.[figure]);
    return same ? [] : [{ name: one.name || one.station, stage: one.stage, ...pair }];
  });
}
