/** The manager's page: how well the buses served, as numbers, plots and a file for the spreadsheet. */
import { areaWords } from "../shared/bus/areawords";
import { type BusPage, openBusPage, path } from "../shared/bus/page";
import { dayOf, daysAfter } from "../shared/bus/time";
import type { BusWords } from "../shared/bus/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm } from "../shared/form/form";
import { type Column, renderTable } from "../shared/table/table";
import { plot } from "./plot";

interface Figures {
  readonly booked: number;
  readonly ridden: number;
  readonly cancelled: number;
  readonly noShow: number;
  readonly broken: number;
  readonly waiting: number | null;
  readonly rideRatio: number | null;
  readonly kept: number | null;
  readonly shared: number | null;
  readonly kilometres: number;
  readonly emptyKilometres: number;
  readonly fares: number;
}

type Shown = readonly [heading: string, of: (figures: Figures) => string];

function shown(words: BusWords): Shown[] {
  const percent = (value: number | null) => (value === null ? words.noData : `${(value * 100).toFixed(1)}%`);
  const names = words.figures;
  return [
    [names.ridden, (f) => String(f.ridden)],
    [names.kept, (f) => percent(f.kept)],
    [names.waiting, (f) => (f.waiting === null ? words.noData : words.minutes(f.waiting))],
    [names.rideRatio, (f) => f.rideRatio?.toFixed(2) ?? words.noData],
    [names.shared, (f) => percent(f.shared)],
    [names.emptyShare, (f) => percent(f.kilometres > 0 ? f.emptyKilometres / f.kilometres : null)],
    [names.kilometres, (f) => `${f.kilometres.toFixed(1)} km`],
    [names.booked, (f) => String(f.booked)],
    [names.cancelled, (f) => String(f.cancelled)],
    [names.noShow, (f) => String(f.noShow)],
    [names.broken, (f) => String(f.broken)],
    [names.fares, (f) => `¥${f.fares.toLocaleString("ja-JP")}`],
  ];
}

async function save({ account }: BusPage, first: string, last: string): Promise<void> {
  const address = `${path("figures.csv")}?from=${first}&to=${last}`;
  await account.save(address, `buses-${first}-${last}.csv`);
}

async function show(page: BusPage, place: HTMLElement, first: string, last: string): Promise<void> {
  const { account, words } = page;
  const found = await account.api<{ whole: Figures; days: Record<string, Figures> }>(
    "GET",
    `${path("figures")}?from=${first}&to=${last}`,
  );
  const days = Object.entries(found.days);
  const lines = shown(words);
  const tiles = lines.map(([name, of]) =>
    h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, of(found.whole))),
  );
  const columns: Column<(typeof days)[number]>[] = [
    { heading: words.day, cell: ([day]) => day },
    ...lines.map(([heading, of]) => ({ heading, cell: ([, f]: (typeof days)[number]) => of(f) })),
  ];
  const named = words.figures;
  const plots = [
    plot(
      named.ridden,
      days.map(([day, f]) => [day, f.ridden]),
    ),
    plot(
      named.waiting,
      days.map(([day, f]) => [day, f.waiting]),
    ),
    plot(
      named.kept,
      days.map(([day, f]) => [day, f.kept === null ? null : f.kept * 100]),
      100,
    ),
    plot(
      named.shared,
      days.map(([day, f]) => [day, f.shared === null ? null : f.shared * 100]),
      100,
    ),
    plot(
      named.rideRatio,
      days.map(([day, f]) => [day, f.rideRatio]),
    ),
    plot(
      named.emptyShare,
      days.map(([day, f]) => [day, f.kilometres > 0 ? (f.emptyKilometres / f.kilometres) * 100 : null]),
      100,
    ),
  ];
  const figures = plots.map(({ caption, node }) => h("figure", {}, h("figcaption", {}, caption), node));
  place.replaceChildren(
    h(
      "section",
      { class: "card", id: "figures" },
      h("h2", {}, `${first} – ${last}`),
      h("dl", { class: "tiles" }, ...tiles),
      renderButton(words.csv, () => save(page, first, last)),
    ),
    h(
      "section",
      { class: "card", id: "days" },
      h("h2", {}, words.perDay),
      ...figures,
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "group", "aria-label": words.perDay },
        renderTable(words.perDay, columns, days),
      ),
    ),
  );
}

openBusPage("pageManager", "buses:read", async (page) => {
  const { words, main } = page;
  const asked = new URLSearchParams(location.search);
  const today = asked.get("to") ?? dayOf(new Date());
  const first = asked.get("from") ?? daysAfter(today, -27);
  const place = h("div", { class: "stack" });
  const form = renderForm(
    [
      { name: "from", label: words.period, type: "date", value: first, required: true },
      { name: "to", label: words.until, type: "date", value: today, required: true },
    ],
    words.show,
    ({ from, to }) => show(page, place, from ?? first, to ?? today),
  );
  const area = h("p", {}, h("a", { href: "./bus-area.html" }, areaWords(page.code).areaOf));
  main.append(h("section", { class: "card" }, form), place, area);
  await show(page, place, first, today);
});
