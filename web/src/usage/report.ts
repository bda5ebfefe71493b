/** The yearly report: targets against what was reached, months, services, revenue, and the file for the ministry. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { amount, api, type Desk, type Section, section, table } from "./parts";

interface Report {
  readonly year: number;
  readonly measures: readonly {
    readonly measure: string;
    readonly title: string;
    readonly titleEn: string;
    readonly unit: string;
    readonly actual: number | null;
    readonly target: number | null;
  }[];
  readonly months: readonly {
    readonly month: string;
    readonly calls: number;
    readonly refused: number;
    readonly failed: number;
    readonly services: number;
    readonly activeUsers: number;
  }[];
  readonly services: readonly {
    readonly client: string;
    readonly name: string;
    readonly calls: number;
    readonly mostActiveUsers: number;
    readonly dataSets: readonly string[];
  }[];
  readonly revenue: readonly { readonly source: string; readonly yen: number }[];
}

const REPORT = "/api/v1/reports/usage";

async function save({ account }: Desk, year: number, encoding: string): Promise<void> {
  const answer = await fetch(`${REPORT}?year=${year}&format=csv&encoding=${encoding}`, {
    headers: { Authorization: `Bearer ${await account.bearer()}` },
    signal: AbortSignal.timeout(15_000),
  });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const url = URL.createObjectURL(await answer.blob());
  h("a", { href: url, download: `usage-${year}.csv` }).click();
  URL.revokeObjectURL(url);
}

function figures(found: Report, { words, code }: Desk): HTMLElement[] {
  const title = (m: Report["measures"][number]) => `${code === "en" ? m.titleEn : m.title} (${m.unit})`;
  return [
    table(
      words.report,
      [words.measure, words.target, words.actual],
      found.measures.map((m) => [title(m), amount(m.target, words), amount(m.actual, words)]),
      words.nothing,
    ),
    h("h3", {}, words.months),
    table(
      words.months,
      [words.month, words.calls, words.refused, words.failed, words.servicesUsed, words.activeUsers],
      found.months.map((m) => [
        m.month,
        ...[m.calls, m.refused, m.failed, m.services, m.activeUsers].map((n) => amount(n, words)),
      ]),
      words.nothing,
    ),
    h("h3", {}, words.services),
    table(
      words.services,
      [words.service, words.calls, words.activeUsers, words.dataSets],
      found.services.map((s) => [
        s.name || s.client,
        amount(s.calls, words),
        amount(s.mostActiveUsers, words),
        s.dataSets.join(" "),
      ]),
      words.nothing,
    ),
    h("h3", {}, words.revenue),
    table(
      words.revenue,
      [words.source, words.yen],
      found.revenue.map((r) => [r.source, amount(r.yen, words)]),
      words.nothing,
    ),
  ];
}

function entries(found: Report, desk: Desk, redraw: () => Promise<void>): HTMLElement[] {
  const { account, words, code } = desk;
  if (!account.may("usage:write")) return [];
  const options = found.measures.map((m) => [m.measure, code === "en" ? m.titleEn : m.title] as const);
  const done = async () => {
    await redraw();
    say(words.done);
  };
  return [
    renderForm(
      [
        { name: "measure", label: words.measure, options },
        { name: "target", label: words.target, type: "number", required: true },
      ],
      words.setTarget,
      async ({ measure, target }) => {
        const place = api("reports", "usage", found.year, "targets", measure ?? "");
        await account.api("PUT", place, { target: Number(target) });
        await done();
      },
    ),
    renderForm(
      [
        { name: "source", label: words.source, required: true },
        { name: "yen", label: words.yen, type: "number", required: true },
      ],
      words.enter,
      async ({ source, yen }) => {
        await account.api("PUT", api("reports", "usage", found.year, "revenue"), {
          source,
          yen: Number(yen),
        });
        await done();
      },
    ),
  ];
}

export function report(desk: Desk): Section {
  const { account, words } = desk;
  let year: number | null = null;
  return section("report", words.report, async (redraw) => {
    const found = await account.api<Report>("GET", year === null ? REPORT : `${REPORT}?year=${year}`);
    const choose = renderForm(
      [{ name: "year", label: words.year, type: "number", value: String(found.year), required: true }],
      words.show,
      async (values) => {
        year = Number(values.year);
        await redraw();
      },
    );
    const files = h(
      "div",
      { class: "row" },
      renderButton(words.csvUtf8, () => save(desk, found.year, "utf-8")),
      renderButton(words.csvSjis, () => save(desk, found.year, "cp932")),
    );
    return [choose, files, ...figures(found, desk), ...entries(found, desk, redraw)];
  });
}
