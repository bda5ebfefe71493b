/** Afterwards: how a night went, on a map and in a table, and rules tried on it before they are changed. */
import { openFor } from "../shared/account/desk";
import type { Account } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm } from "../shared/form/form";
import { table } from "../shared/form/section";
import { dictionaryOf, type LanguageCode } from "../shared/language/language";
import { differences } from "./night";
import { Replay } from "./replay";
import type { Line, Outcome, Report, Review, StageResult, Trial } from "./types";
import { type ReviewWords, reviewWords } from "./words";

const PATH = "/api/v1/evacuation/review";
const SUMS = ["episodes", "alarms", "false", "doubtful", "missed"] as const;

function time(text: string | null): string {
  if (text === null) return "—";
  const form = {
    timeZone: "Asia/Tokyo",
    month: "numeric",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  } as const;
  return new Date(text).toLocaleString("ja-JP", form);
}

/** A moment as `datetime-local` writes it, in Japan; and back. */
function localOf(text: string): string {
  return new Date(new Date(text).getTime() + 9 * 3_600_000).toISOString().slice(0, 16);
}

function query(
  values: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
): string {
  const span = Object.entries(values).filter(
    ([name, value]) => ["from", "to"].includes(name) && value !== "",
  );
  const asked = new URLSearchParams([
    ...span.map(([name, value]) => [name, `${value}:00+09:00`]),
    ...Object.entries(more),
  ]);
  return asked.size === 0 ? "" : `?${asked}`;
}

/** What came of a line, after the cells that say what it is about. */
function row(line: Line, about: readonly string[], words: ReviewWords): string[] {
  const lead = line.leadMin === null ? "—" : words.minutes(line.leadMin);
  const times = [line.due, line.proposed, line.issued].map(time);
  return [...about, ...times, lead, words.outcomes[line.outcome]];
}

function outcome(review: Review, words: ReviewWords): Node {
  const sums = Object.entries(review.totals) as [Outcome, number][];
  return h(
    "div",
    { class: "card__body" },
    h("p", {}, sums.map(([name, count]) => `${words.outcomes[name]} ${words.count(count)}`).join("、")),
    table(
      words.table,
      words.heads,
      review.lines.map((line) => row(line, [line.name, String(line.level), line.gaugeName || "—"], words)),
      words.none,
    ),
    h("h3", {}, words.byGauge),
    table(
      words.byGauge,
      words.gaugeHeads,
      review.gauges.map((line) => row(line, [line.gaugeName || "—", line.name, String(line.level)], words)),
      words.none,
    ),
  );
}

function figures(result: StageResult | null, words: ReviewWords): string[] {
  if (result === null) return ["—", "—", "—", "—", "—"];
  const minutes = (count: number | null) => (count === null ? "—" : words.minutes(count));
  return [
    ...[result.alarms, result.false, result.missed].map(String),
    minutes(result.delay_min),
    minutes(result.lead_min),
  ];
}

function compared({ current, candidate }: Trial, words: ReviewWords, code: LanguageCode): Node {
  const sums = (name: string, report: Report) => [name, ...SUMS.map((sum) => String(report.totals[sum]))];
  const stages = dictionaryOf(code).stage;
  const pairs = differences(current, candidate).flatMap((pair) => [
    [pair.name, stages[pair.stage], words.current, ...figures(pair.current, words)],
    [pair.name, stages[pair.stage], words.candidate, ...figures(pair.candidate, words)],
  ]);
  return h(
    "div",
    { class: "card__body", id: "compared", tabindex: -1 },
    h("p", {}, words.compared(current.readings)),
    table(
      words.rules,
      [words.pairHeads[2] ?? "", ...words.sums],
      [sums(words.current, current), sums(words.candidate, candidate)],
      words.same,
    ),
    table(words.pairs, words.pairHeads, pairs, words.same),
  );
}

class ReviewDesk {
  private readonly replay: Replay;
  private readonly found = h("div", {});
  private readonly tried = h("div", {});
  private span: Record<string, string> = {};

  constructor(
    private readonly account: Account,
    private readonly words: ReviewWords,
    private readonly code: LanguageCode,
  ) {
    this.replay = new Replay(words, code);
  }

  async open(main: HTMLElement): Promise<void> {
    const { words, replay } = this;
    const first = await this.account.api<Review>("GET", PATH);
    this.span = { from: localOf(first.from), to: localOf(first.to) };
    const card = (title: string, ...body: Node[]) =>
      h("section", { class: "card" }, h("h2", {}, title), ...body);
    const moving = h(
      "div",
      { class: "replay" },
      replay.button,
      h("label", { for: "replay-time" }, words.time),
      replay.slider,
      replay.shown,
    );
    main.append(
      card(words.span, this.asking()),
      card(
        words.table,
        this.found,
        renderButton(words.csv, () => this.account.save(`${PATH}.csv${query(this.span)}`, "review.csv")),
        renderButton(words.csvGauges, () =>
          this.account.save(`${PATH}.csv${query(this.span, { by: "gauge" })}`, "review-gauges.csv"),
        ),
      ),
      card(words.replay, replay.picture, moving, replay.note),
      ...(this.account.may("rules:read") ? [card(words.rules, await this.trying(), this.tried)] : []),
    );
    await this.show(first);
  }

  private asking(): HTMLFormElement {
    const { words, span } = this;
    const field = (name: "from" | "to") =>
      ({
        name,
        label: words[name],
        type: "datetime-local",
        required: true,
        value: span[name] ?? "",
      }) as const;
    return renderForm([field("from"), field("to")], words.show, async (values) => {
      this.span = values;
      await this.show(await this.account.api<Review>("GET", PATH + query(values)));
    });
  }

  private async show(review: Review): Promise<void> {
    this.found.replaceChildren(outcome(review, this.words));
    await this.replay.show(review);
  }

  private async trying(): Promise<HTMLElement> {
    const { words } = this;
    const rules = await this.account.api<{ document: unknown }>("GET", "/api/v1/flood/rules");
    const value = JSON.stringify(rules.document, null, 2);
    const form = renderForm(
      [{ name: "document", label: words.document, type: "textarea", value }],
      words.try,
      async (values) => {
        let document: unknown;
        try {
          document = JSON.parse(values.document ?? "");
        } catch {
          throw new Error(words.notJson);
        }
        const trial = await this.account.api<Trial>("POST", `${PATH}/rules${query(this.span)}`, document);
        this.tried.replaceChildren(compared(trial, words, this.code));
        this.tried.querySelector<HTMLElement>("#compared")?.focus();
      },
    );
    return h("div", { class: "card__body" }, h("p", {}, words.rulesNote), form);
  }
}

openFor("pageReview", "evacuation:read", async (main, account, code) => {
  await new ReviewDesk(account, reviewWords(code), code).open(main);
});
