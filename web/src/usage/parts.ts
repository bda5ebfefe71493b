/** What the page's sections share: the page, a section that draws itself anew, and a table that scrolls by keyboard. */
import type { Account } from "../shared/account/session";
import { h } from "../shared/dom/h";
import type { UsageWords } from "./words";

export interface Desk {
  readonly account: Account;
  readonly words: UsageWords;
  /** "en" or "ja". */
  readonly code: string;
}

export interface Section {
  readonly node: HTMLElement;
  readonly redraw: () => Promise<void>;
}

export const api = (...parts: readonly (string | number)[]) =>
  `/api/v1/${parts.map((part) => encodeURIComponent(part)).join("/")}`;

/** A section that reads what it shows again after each change. */
export function section(
  id: string,
  title: string,
  read: (redraw: () => Promise<void>) => Promise<readonly Node[]>,
): Section {
  const body = h("div", { class: "stack" });
  const redraw = async () => body.replaceChildren(...(await read(redraw)));
  return { node: h("section", { class: "card", id }, h("h2", {}, title), body), redraw };
}

/** Rows whose first cell is their heading; `caption` names the table to who cannot see it. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly (Node | string)[])[],
  empty: string,
): HTMLElement {
  if (rows.length === 0) return h("p", {}, empty);
  const head = h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text))));
  const cells = (row: readonly (Node | string)[]) =>
    row.map((cell, index) => (index === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell)));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    h("table", { class: "table" }, head, h("tbody", {}, ...rows.map((row) => h("tr", {}, ...cells(row))))),
  );
}

export function amount(value: number | null, words: UsageWords): string {
  return value === null ? words.unknown : value.toLocaleString("ja-JP");
}
