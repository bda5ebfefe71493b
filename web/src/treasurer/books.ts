/** The outstanding balance at any time, the days closed, and the proof that the books agree. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { type PointsPage, path } from "../shared/points/page";

interface Row {
  readonly issuer: string;
  readonly kind: string;
  readonly programme: string;
  readonly points: number;
}

interface Closing {
  readonly day: string;
  readonly outstanding: readonly Row[];
  readonly unused: number;
  readonly flows: Readonly<Record<string, readonly [count: number, points: number]>>;
  readonly head: string;
}

interface Proof {
  readonly transfers: number;
  readonly head: string;
  readonly faults: readonly string[];
}

function rowsOf({ words }: PointsPage, rows: readonly Row[]): HTMLElement {
  return table(
    words.unused,
    [words.programme, words.type, words.issuer, words.amount],
    rows.map((row) => [
      row.programme,
      words.kind[row.kind] ?? row.kind,
      row.issuer,
      words.points(row.points),
    ]),
    words.none,
  );
}

export function outstanding(page: PointsPage): Section {
  const { account, words } = page;
  return section("outstanding", words.unused, async () => {
    const place = h("div", { class: "stack" });
    const show = async (at: string) => {
      const query = at === "" ? "" : `?at=${encodeURIComponent(`${at}:00+09:00`)}`;
      const found = await account.api<{ total: number; outstanding: readonly Row[] }>(
        "GET",
        `${path("outstanding")}${query}`,
      );
      place.replaceChildren(
        h("p", { class: "balance" }, words.points(found.total)),
        rowsOf(page, found.outstanding),
      );
    };
    await show("");
    const form = renderForm(
      [{ name: "at", label: words.asOf, type: "datetime-local" }],
      words.show,
      ({ at }) => show(at ?? ""),
    );
    return [place, form];
  });
}

export function closings(page: PointsPage): Section {
  const { account, words } = page;
  return section("closings", words.closing, async (redraw) => {
    const found = await account.api<{ closings: readonly Closing[] }>("GET", path("staff", "closings"));
    const place = h("div", { class: "stack", id: "closed" });
    const form = renderForm(
      [{ name: "day", label: words.day, type: "date", required: true }],
      words.close,
      async ({ day }) => {
        const made = await account.api<Closing>("POST", path("staff", "closings", day ?? ""));
        await redraw();
        document.getElementById("closed")?.replaceChildren(...closed(page, made));
      },
    );
    const rows = found.closings.map((one) => [one.day, words.points(one.unused), one.head.slice(0, 16)]);
    return [form, place, table(words.closing, [words.day, words.unused, words.head], rows, words.none)];
  });
}

function closed(page: PointsPage, made: Closing): HTMLElement[] {
  const { words } = page;
  const flows = Object.entries(made.flows).map(([code, [count, points]]) => [
    words.codes[code] ?? code,
    String(count),
    words.points(points),
  ]);
  return [
    h("h3", {}, `${made.day} ${words.totalOf(words.points(made.unused))}`),
    rowsOf(page, made.outstanding),
    h("h3", {}, words.flows),
    table(words.flows, [words.type, words.count, words.amount], flows, words.none),
    h("p", {}, words.head),
    h("pre", { class: "secret" }, made.head),
  ];
}

export function reconciliation({ account, words }: PointsPage): Section {
  return section("reconcile", words.reconcile, async () => {
    const place = h("div", { class: "stack", role: "status" });
    const verify = renderButton(words.verify, async () => {
      const proof = await account.api<Proof>("GET", path("staff", "verify"));
      const faults = proof.faults.map((fault) => h("li", {}, fault));
      place.replaceChildren(
        faults.length === 0
          ? h("p", { class: "notice" }, words.whole(proof.transfers))
          : h("div", { class: "notice notice--bad" }, h("p", {}, words.broken), h("ul", {}, ...faults)),
        h("p", {}, words.head),
        h("pre", { class: "secret" }, proof.head),
      );
    });
    return [verify, place];
  });
}
