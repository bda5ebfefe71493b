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
