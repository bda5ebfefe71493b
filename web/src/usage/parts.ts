/** What the page's sections share. */
import type { Account } from "../shared/account/session";
import type { UsageWords } from "./words";

export { type Section, section, table } from "../shared/form/section";

export interface Desk {
  readonly account: Account;
  readonly words: UsageWords;
  /** "en" or "ja". */
  readonly code: string;
}

export const api = (...parts: readonly (string | number)[]) =>
  `/api/v1/${parts.map((part) => encodeURIComponent(part)).join("/")}`;

export function amount(value: number | null, words: UsageWords): string {
  return value === null ? words.unknown : value.toLocaleString("ja-JP");
}
