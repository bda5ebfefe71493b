/** Times and levels as a person reads them. Pure. Local time is Japan's (UTC+9) wherever the browser stands. */
import type { Dictionary } from "../language/dictionary";

const ZONE = "Asia/Tokyo";
const LOCALE = { ja: "ja-JP", en: "en-GB" } as const;

function formatter(code: Dictionary["code"], options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(LOCALE[code], { timeZone: ZONE, hourCycle: "h23", ...options });
}

/** 11:20 */
export function clockTime(at: Date, words: Dictionary): string {
  return formatter(words.code, { hour: "2-digit", minute: "2-digit" }).format(at);
}

/** 7月13日 11:20 */
export function dayAndTime(at: Date, words: Dictionary): string {
  return formatter(words.code, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(
    at,
  );
}

/** 2023年7月13日 11:20 */
export function fullTime(at: Date, words: Dictionary): string {
  const options = {
    year: "numeric",
    month: "long",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  } as const;
  return formatter(words.code, options).format(at);
}

/** 7/13 */
export function monthDay(at: Date, words: Dictionary): string {
  return formatter(words.code, { month: "numeric", day: "numeric" }).format(at);
}

/** The time alone today, with the day otherwise. `now` is the city's present. */
export function nearTime(at: Date, now: Date | null, words: Dictionary): string {
  const sameDay = now !== null && monthDay(at, words) === monthDay(now, words);
  return sameDay && Math.abs(now.getTime() - at.getTime()) < 86_400_000
    ? clockTime(at, words)
    : dayAndTime(at, words);
}

/** `minutes` since the reading, in words; null is "unknown". */
export function ageText(minutes: number | null, words: Dictionary): string {
  if (minutes === null) return words.age.unknown;
  if (minutes < 1) return words.age.now;
  if (minutes < 120) return words.age.minutes(minutes);
  if (minutes < 48 * 60) return words.age.hours(Math.floor(minutes / 60));
  return words.age.days(Math.floor(minutes / 1440));
}

/** Metres with two digits, as gauges report them; levels below the gauge's zero keep their sign. */
export function metresText(metres: number): string {
  const text = metres.toFixed(2);
  return text === "-0.00" ? "0.00" : text.replace("-", "−");
}
