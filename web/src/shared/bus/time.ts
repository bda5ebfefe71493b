/** Times of the buses: always Japan's, wherever the browser stands. Pure. */
import type { LanguageCode } from "../language/language";

const ZONE = "Asia/Tokyo";
/** Days ahead within which rides are booked every week. */
export const SEASON = 92;

/** 9:05 */
export function clock(at: string): string {
  const options = { timeZone: ZONE, hour: "numeric", minute: "2-digit", hourCycle: "h23" } as const;
  return new Intl.DateTimeFormat("en-GB", options).format(new Date(at));
}

/** 2026-11-24 */
export function dayOf(at: Date): string {
  const options = { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" } as const;
  return new Intl.DateTimeFormat("en-CA", options).format(at);
}

/** The day so many days later. */
export function daysAfter(day: string, count: number): string {
  const at = new Date(`${day}T12:00:00+09:00`);
  return dayOf(new Date(at.getTime() + count * 86_400_000));
}

/** 11月24日(火) */
export function dayText(day: string, code: LanguageCode): string {
  const options = { timeZone: ZONE, month: "long", day: "numeric", weekday: "short" } as const;
  return new Intl.DateTimeFormat(code === "ja" ? "ja-JP" : "en-GB", options).format(
    new Date(`${day}T12:00:00+09:00`),
  );
}

/** A day and a time of the day (09:30) in Japan, as the gateway reads it. */
export function instant(day: string, time: string): string {
  return `${day}T${time}:00+09:00`;
}

/** The next full quarter of an hour, 09:15, some minutes from now; null when that is tomorrow. */
export function soon(now: Date, minutes: number): string | null {
  const quarter = 15 * 60_000;
  const at = new Date(Math.ceil((now.getTime() + minutes * 60_000) / quarter) * quarter);
  if (dayOf(at) !== dayOf(now)) return null;
  return clock(at.toISOString()).padStart(5, "0");
}
