/** The public catalogue: each data set with whose it is, how fresh, its downloads, and who feeds and takes it. */
import { openDesk } from "../shared/account/desk";
import { request } from "../shared/account/session";
import { h, setText } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import type { LanguageCode } from "../shared/language/language";
import { renderTable } from "../shared/table/table";
import { type CatalogueWords, catalogueWords } from "./words";

interface Flow {
  readonly way: "feeds" | "takes";
  readonly kind: string;
  readonly name: string;
  readonly how: string;
  readonly count: number | null;
}

interface DataSet {
  readonly type: string;
  readonly title: string;
  readonly titleEn: string;
  readonly description: string;
  readonly owner: string;
  readonly contact: string;
  readonly license: string;
  readonly area: string;
  readonly marking: string;
  readonly intervalSeconds: number | null;
  readonly keywords: readonly string[];
  readonly readable: boolean;
  readonly entities: number | null;
  readonly since: string | null;
  readonly latest: string | null;
  readonly freshness: number | null;
  readonly flows: readonly Flow[];
}

interface Catalogue {
  readonly city: { readonly name: string };
  readonly dataSets: readonly DataSet[];
}

const ROOT = "/api/v1/catalogue";
const address = (type: string) => `${ROOT}/${type.split("/").map(encodeURIComponent).join("/")}`;

function moment(text: string | null, words: CatalogueWords): string {
  return text === null
    ? words.unknown
    : new Date(text).toLocaleString("ja-JP", {
        timeZone: "Asia/Tokyo",
        dateStyle: "short",
        timeStyle: "short",
      });
}

function facts(set: DataSet, words: CatalogueWords): HTMLElement {
  const licence = set.license.startsWith("https://")
    ? h("a", { href: set.license }, set.license)
    : set.license;
  const lines: (readonly [string, Node | string])[] = [
    [words.kind, words.markings[set.marking] ?? set.marking],
    [words.owner, set.owner || words.unknown],
    [words.license, licence],
    [words.area, set.area || words.unknown],
    [words.interval, set.intervalSeconds === null ? words.unknown : words.minutes(set.intervalSeconds)],
    ...(set.contact ? [[words.contact, set.contact] as const] : []),
    ...(set.readable
      ? [
          [words.entities, set.entities?.toLocaleString("ja-JP") ?? words.unknown] as const,
          [words.period, `${moment(set.since, words)} –`] as const,
          [words.latest, moment(set.latest, words)] as const,
          [
            words.freshness,
            set.freshness === null ? words.unknown : `${(set.freshness * 100).toFixed(1)}%`,
          ] as const,
        ]
      : []),
  ];
  return h(
    "dl",
    { class: "facts" },
    ...lines.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

function downloads(set: DataSet, words: CatalogueWords): HTMLElement {
  const link = (query: string, label: string) =>
    h("a", { class: "button", href: `${address(set.type)}/download?${query}`, download: true }, label);
  return h(
    "p",
    { class: "row" },
    link("format=csv", words.csvUtf8),
    link("format=csv&encoding=cp932", words.csvSjis),
    link("format=geojson", "GeoJSON"),
  );
}

function sample(set: DataSet, words: CatalogueWords): HTMLElement {
  const place = h("div", {});
  const button = renderButton(words.sample, async () => {
    const found = await request<{ sample: unknown }>("GET", address(set.type));
    place.replaceChildren(h("pre", { class: "code", tabindex: 0 }, JSON.stringify(found.sample, null, 2)));
  });
  return h("div", {}, button, place);
}

function flows(set: DataSet, words: CatalogueWords): HTMLElement {
  const table = renderTable(
    `${set.title} ${words.map}`,
    [
      { heading: words.who, cell: (flow: Flow) => flow.name },
      { heading: words.way, cell: (flow) => words[flow.way] },
      { heading: words.how, cell: (flow) => flow.how },
      { heading: words.amount, cell: (flow) => flow.count?.toLocaleString("ja-JP") ?? words.unknown },
    ],
    set.flows,
  );
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": `${set.title} ${words.map}` },
    table,
  );
}

function card(set: DataSet, words: CatalogueWords, code: LanguageCode): HTMLElement {
  const title = code === "en" && set.titleEn ? set.titleEn : set.title;
  return h(
    "section",
    { class: "card", id: `set-${set.type}` },
    h("h2", {}, title),
    h("p", { class: "quiet" }, [set.description, set.type].filter((text) => text !== "").join(" · ")),
    facts(set, words),
    h("h3", {}, words.download),
    ...(set.readable ? [downloads(set, words), sample(set, words)] : [h("p", {}, words.personal)]),
    ...(set.flows.length > 0 ? [h("h3", {}, words.map), flows(set, words)] : []),
  );
}

function matches(set: DataSet, wanted: string): boolean {
  const said = [set.type, set.title, set.titleEn, set.description, ...set.keywords].join(" ").toLowerCase();
  return said.includes(wanted.trim().toLowerCase());
}

openDesk("pageCatalogue", async (main) => {
  const code: LanguageCode = document.documentElement.lang === "en" ? "en" : "ja";
  const words = catalogueWords(code);
  const found = await request<Catalogue>("GET", ROOT);
  const list = h("div", { class: "stack" });
  const none = h("p", { role: "status" });
  const field = h("input", { type: "search", autocomplete: "off" });
  const show = () => {
    const chosen = found.dataSets.filter((set) => matches(set, field.value));
    setText(none, chosen.length === 0 ? words.nothing : "");
    list.replaceChildren(...chosen.map((set) => card(set, words, code)));
  };
  field.addEventListener("input", show);
  main.append(
    h(
      "section",
      { class: "card form" },
      h("p", {}, words.intro(found.city.name, found.dataSets.length)),
      h("label", {}, h("span", {}, words.find), field),
      h("p", {}, h("a", { href: `${ROOT}.jsonld` }, words.harvest)),
      none,
    ),
    list,
  );
  show();
});
