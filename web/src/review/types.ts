/** What the review's routes answer with. */
import type { Stage } from "../shared/api/types";

export type Outcome = "early" | "late" | "miss" | "false-alarm" | "proposed";

export interface Line {
  readonly district: string;
  readonly name: string;
  readonly level: number;
  readonly gaugeName: string;
  readonly due: string | null;
  readonly proposed: string | null;
  readonly issued: string | null;
  readonly leadMin: number | null;
  readonly outcome: Outcome;
}

/** One thing that changed in the night: a gauge's stage, or a district's proposed or standing level. */
export interface Moment {
  readonly at: string;
  readonly kind: "stage" | "proposed" | "issue" | "correct" | "lift" | "withdraw";
  readonly gauge?: string;
  readonly stage?: Stage;
  readonly district?: string;
  readonly level?: number;
}

export interface Review {
  readonly from: string;
  readonly to: string;
  readonly lines: readonly Line[];
  /** The same for each gauge, by when that gauge was there. */
  readonly gauges: readonly Line[];
  readonly totals: Readonly<Record<Outcome, number>>;
  readonly moments: readonly Moment[];
}

export interface StageResult {
  readonly station: string;
  readonly name: string;
  readonly stage: Stage;
  readonly episodes: number;
  readonly alarms: number;
  readonly false: number;
  readonly missed: number;
  readonly delay_min: number | null;
  readonly lead_min: number | null;
}

export interface Report {
  readonly rules: string;
  readonly readings: number;
  readonly stages: readonly StageResult[];
  readonly totals: Readonly<Record<"episodes" | "alarms" | "false" | "doubtful" | "missed", number>>;
}

export interface Trial {
  readonly current: Report;
  readonly candidate: Report;
}
