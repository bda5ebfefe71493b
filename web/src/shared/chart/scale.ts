/** Scales and ticks. Pure. */

/** Maps `from` (its two ends differ) linearly onto `to`. */
export function linear(
  from: readonly [number, number],
  to: readonly [number, number],
): (value: number) => number {
  const slope = (to[1] - to[0]) / (from[1] - from[0]);
  return (value) => to[0] + (value - from[0]) * slope;
}

/** Round values (1, 2 or 5 times a power of ten apart) inside `low` to `high`, about `count` of them. */
export function roundTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index += 1) {
    ticks.push(Number((index * step).toFixed(6)));
  }
  return ticks;
}

const HOUR = 3_600_000;
/** Japan keeps UTC+9 all year. */
const JAPAN = 9 * HOUR;

/** Times between `from` and `to` on whole multiples of `hours` in Japan's time, so that one falls on each midnight. */
export function hourTicks(from: Date, to: Date, hours: number): Date[] {
  const step = hours * HOUR;
  const first = Math.ceil((from.getTime() + JAPAN) / step) * step - JAPAN;
  const ticks: Date[] = [];
  for (let at = first; at <= to.getTime(); at += step) ticks.push(new Date(at));
  return ticks;
}

/** Whether it is 0 o'clock in Japan. */
export function isMidnight(at: Date): boolean {
  return (at.getTime() + JAPAN) % (24 * HOUR) === 0;
}

/**
 * Moves labels apart that would lie on each other: each is at least `gap` from the next, as near to where it
 * belongs as that allows, in the same order, and none beyond `low` or `high` while there is room.
 */
export function spread(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const placed = new Array<number>(wanted.length).fill(0);
  let least = low;
  for (const index of order) {
    placed[index] = Math.max(wanted[index] ?? low, least);
    least = (placed[index] ?? low) + gap;
  }
  let most = high;
  for (const index of [...order].reverse()) {
    placed[index] = Math.min(placed[index] ?? high, most);
    most = (placed[index] ?? high) - gap;
  }
  return placed;
}
