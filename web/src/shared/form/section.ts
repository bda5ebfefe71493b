/** A part of a desk page that draws itself anew after a change, and a table that scrolls by keyboard. */
import { h } from "../dom/h";

export interface Section {
  readonly node: HTMLElement;
  readonly redraw: () => Promise<void>;
}

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
