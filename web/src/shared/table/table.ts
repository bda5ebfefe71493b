/** A plain table: caption, column headings, rows whose first cell is their heading. */
import { h } from "../dom/h";

export interface Column<T> {
  readonly heading: string;
  cell(row: T): string;
}

export function renderTable<T>(
  caption: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
): HTMLTableElement {
  return h(
    "table",
    { class: "table" },
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { scope: "col" }, column.heading)))),
    h(
      "tbody",
      {},
      ...rows.map((row) =>
        h(
          "tr",
          {},
          ...columns.map((column, index) =>
            index === 0 ? h("th", { scope: "row" }, column.cell(row)) : h("td", {}, column.cell(row)),
          ),
        ),
      ),
    ),
  );
}
