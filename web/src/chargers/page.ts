/** What the sections of the operation page share. */
import type { Account } from "../shared/account/session";
import type { ChargerWords } from "../shared/chargers/words";
import type { LanguageCode } from "../shared/language/language";

export interface ChargersPage {
  readonly account: Account;
  readonly words: ChargerWords;
  readonly code: LanguageCode;
}

export const path = (...parts: readonly string[]) =>
  ["/api/v1/chargers", ...parts.map(encodeURIComponent)].join("/");

/** The first of `options` is what a form shows: the one chosen comes first. */
export function chosenFirst<T extends readonly [string, string]>(options: readonly T[], chosen: string): T[] {
  return [...options].sort((a, b) => Number(b[0] === chosen) - Number(a[0] === chosen));
}

/** A form's numbers are of any precision and never below zero. */
export function unsigned(form: HTMLFormElement): void {
  for (const input of form.querySelectorAll<HTMLInputElement>("input[type=number]")) {
    input.min = "0";
    input.step = "any";
  }
}

/** 11月24日 9:05, in Japan. */
export function timeText(at: string | null, code: LanguageCode): string {
  if (at === null) return "–";
  return new Intl.DateTimeFormat(code === "ja" ? "ja-JP" : "en-GB", {
    timeZone: "Asia/Tokyo",
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
  }).format(new Date(at));
}
