/**
 * The city's present, which need not be the browser's: the server's clock in live mode, the replayed moment in
 * replay mode. Ages are measured against it, so that a phone with a wrong clock shows true ages.
 */
import type { Mode } from "../api/types";

/** `wall` may jump when the phone corrects its clock; `steady` may stop while the phone sleeps. Milliseconds. */
export interface Ticks {
  wall(): number;
  steady(): number;
}

interface Synced {
  readonly city: number;
  readonly wall: number;
  readonly steady: number;
}

/** How far one reading may take a replay's clock by itself. */
const LEAP_MS = 60 * 60_000;

export class CityClock {
  private synced: Synced | null = null;
  mode: Mode = "live";

  constructor(private readonly ticks: Ticks) {}

  /** The gateway said what time it is in the city. A replay that starts over may set the clock back. */
  sync(now: Date): void {
    this.synced = { city: now.getTime(), wall: this.ticks.wall(), steady: this.ticks.steady() };
  }

  /**
   * A reading was made at `at`: in a replay the city's present is at least then. Not so a time far ahead, which may
   * be one gauge's wrong date: the city judges that, and says its present with the next answer.
   */
  observe(at: Date): void {
    if (this.mode !== "replay" || this.synced === null) return;
    const ahead = at.getTime() - this.synced.city;
    if (ahead > 0 && ahead <= LEAP_MS) this.sync(at);
  }

  /**
   * Null before the first `sync`. In live mode the clock runs on between two answers; the larger of the two
   * elapsed times counts, because data taken for too old is a lesser harm than data taken for fresh. A replay's
   * clock moves only with what the city says, as its speed is not ours to know.
   */
  now(): Date | null {
    if (this.synced === null) return null;
    if (this.mode === "replay") return new Date(this.synced.city);
    const wall = this.ticks.wall() - this.synced.wall;
    const steady = this.ticks.steady() - this.synced.steady;
    return new Date(this.synced.city + Math.max(0, wall, steady));
  }

  /** Whole minutes from `at` to the city's present, at least 0; null when either is not known. */
  minutesSince(at: Date | null): number | null {
    const now = this.now();
    if (now === null || at === null) return null;
    return Math.max(0, Math.floor((now.getTime() - at.getTime()) / 60_000));
  }
}
