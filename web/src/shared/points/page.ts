/** What the points' pages share: who may be here, addresses, amounts and times in Japan. */
import { openFor, type Title } from "../account/desk";
import type { Account } from "../account/session";
import type { LanguageCode } from "../language/language";
import { type PointsWords, pointsWords } from "./words";

export interface PointsPage {
  readonly main: HTMLElement;
  readonly account: Account;
  readonly words: PointsWords;
  readonly code: LanguageCode;
}

export const path = (...parts: readonly string[]) =>
  ["/api/v1/points", ...parts.map(encodeURIComponent)].join("/");

export function openPointsPage(title: Title, scope: string, draw: (page: PointsPage) => Promise<void>): void {
  openFor(title, scope, (main, account, code) => draw({ main, account, code, words: pointsWords(code) }));
}

/** 7月3日 14:05 */
export function timeText(at: string, code: LanguageCode): string {
  return new Intl.DateTimeFormat(code === "ja" ? "ja-JP" : "en-GB", {
    timeZone: "Asia/Tokyo",
    month: "long",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
  }).format(new Date(at));
}

/** 2026年7月3日, of a date such as 2026-07-03. */
export function dateText(day: string, code: LanguageCode): string {
  const options = { timeZone: "Asia/Tokyo", year: "numeric", month: "long", day: "numeric" } as const;
  return new Intl.DateTimeFormat(code === "ja" ? "ja-JP" : "en-GB", options).format(
    new Date(`${day}T12:00:00+09:00`),
  );
}

/** An id that no other wish has, however often this one is sent. */
export function newId(): string {
  return crypto.randomUUID();
}
