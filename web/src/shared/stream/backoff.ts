/**
 * How long to wait before the `attempt`-th try (from 0) to connect again, in milliseconds: 2 s, 4 s, 8 s … at
 * most 60 s, spread over half to the whole of it, so that ten thousand phones do not return in one second.
 */
export function backoffMs(attempt: number, random: number): number {
  const longest = Math.min(60_000, 2_000 * 2 ** Math.min(attempt, 10));
  return longest * (0.5 + random / 2);
}
