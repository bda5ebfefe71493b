/** What the desk's sections share: a table, a section that draws itself anew, addresses and times. */
import { h } from "../shared/dom/h";

export type Cell = Node | string;

export function table(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  empty: string,
): HTMLElement {
  if (rows.length === 0) return h("p", {}, empty);
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "table" },
      h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        ...rows.map((row) =>
          h(
            "tr",
            {},
            ...row.map((cell, index) => (index === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell))),
          ),
        ),
      ),
    ),
  );
}

/** A section that reads what it shows again after each change. */
export function section(
  id: string,
  title: string,
  read: (redraw: () => Promise<void>) => Promise<readonly Node[]>,
) {
  const body = h("div", { class: "stack" });
  const redraw = async () => body.replaceChildren(...(await read(redraw)));
  return { node: h("section", { class: "card", id }, h("h2", {}, title), body), redraw };
}

export const path = (...parts: readonly string[]) => `/api/v1/${parts.map(encodeURIComponent).join("/")}`;

export function time(text: string): string {
  return new Date(text).toLocaleString("ja-JP", { timeZone: "Asia/Tokyo" });
}
