/** Pieces that the resident's and the staff's pages about personal data share. */
import { h } from "../shared/dom/h";
import type { LanguageCode } from "../shared/language/language";

type Cell = Node | string;

export interface Vocabulary {
  readonly categories: Readonly<
    Record<string, { readonly ja: string; readonly en: string; readonly sensitive: boolean }>
  >;
  readonly purposes: Readonly<Record<string, { readonly ja: string; readonly en: string }>>;
}

/** Names of data and purposes in the page's language; what is not known is shown as it is. */
export class Names {
  constructor(
    readonly vocabulary: Vocabulary,
    readonly code: LanguageCode,
  ) {}

  category(name: string): string {
    return this.vocabulary.categories[name]?.[this.code] ?? name;
  }

  purpose(name: string): string {
    return this.vocabulary.purposes[name]?.[this.code] ?? name;
  }

  sensitive(name: string): boolean {
    return this.vocabulary.categories[name]?.sensitive ?? false;
  }

  /** A plain value of a record: yes or no, a time in Japan, or as it is. */
  value(value: unknown): string {
    if (typeof value === "boolean") {
      const [yes, no] = this.code === "ja" ? ["はい", "いいえ"] : ["yes", "no"];
      return (value ? yes : no) ?? "";
    }
    const text = String(value);
    return /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? this.time(text) : text;
  }

  time(text: string): string {
    const locale = this.code === "ja" ? "ja-JP" : "en-GB";
    return new Intl.DateTimeFormat(locale, {
      timeZone: "Asia/Tokyo",
      dateStyle: "medium",
      timeStyle: "short",
    }).format(new Date(text));
  }
}

export function card(id: string, title: string, ...children: readonly Node[]): HTMLElement {
  return h(
    "section",
    { class: "card", id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    ...children,
  );
}

/** One thing in a list: its heading, lines below it, and what can be done. Reads well on a phone, unlike a table. */
export function entry(
  title: string,
  lines: readonly Cell[],
  actions: readonly Node[] = [],
  below: Node | null = null,
): HTMLElement {
  return h(
    "li",
    { class: "entry" },
    h("p", { class: "entry__title" }, title),
    ...lines.map((line) => h("p", {}, line)),
    actions.length > 0 ? h("div", { class: "row" }, ...actions) : null,
    below,
  );
}

export function entries(items: readonly HTMLElement[], empty: string): HTMLElement {
  return items.length === 0 ? h("p", {}, empty) : h("ul", { class: "entries" }, ...items);
}

/** A group of boxes to tick; `chosen` tells which are. */
export function boxes(
  legend: string,
  options: readonly (readonly [value: string, label: string])[],
): { readonly node: HTMLElement; chosen(): string[] } {
  const inputs = options.map(([value]) => h("input", { type: "checkbox", value }));
  const node = h(
    "fieldset",
    {},
    h("legend", {}, legend),
    ...options.map(([, label], index) =>
      h("label", { class: "check" }, inputs[index] ?? null, h("span", {}, label)),
    ),
  );
  return { node, chosen: () => inputs.filter((input) => input.checked).map((input) => input.value) };
}

/** A record as a person reads it: names with values, lists below each other; what is empty is left out. */
export function facts(value: unknown, label: (name: string) => string, names: Names): Node {
  if (Array.isArray(value)) return h("ul", {}, ...value.map((one) => h("li", {}, facts(one, label, names))));
  if (typeof value !== "object" || value === null) return document.createTextNode(names.value(value));
  const said = Object.entries(value).filter(([, one]) => !empty(one));
  return h(
    "dl",
    { class: "facts" },
    ...said.flatMap(([name, one]) => [h("dt", {}, label(name)), h("dd", {}, facts(one, label, names))]),
  );
}

function empty(value: unknown): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}
