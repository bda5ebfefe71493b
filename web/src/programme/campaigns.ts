/** The campaigns in force with their budgets, and a form that changes one: tried on the past first, then put in force. */
import { h } from "../shared/dom/h";
import { type Field, renderButton, renderForm, say } from "../shared/form/form";
import { type Section, section, table } from "../shared/form/section";
import { type PointsPage, path } from "../shared/points/page";
import { type Campaign, campaignOf, ruleText, valuesOf } from "./campaign";
import { effect } from "./effect";

interface Fund {
  readonly id: string;
  readonly left: number;
  readonly given: number;
}

interface Outcome {
  readonly awards: number;
  readonly points: number;
  readonly people: number;
  readonly cut: number;
  readonly refused: number;
}

interface Rules {
  readonly campaigns: readonly Campaign[];
}

const WEEKS_MS = 8 * 7 * 86_400_000;

export function campaigns(page: PointsPage): Section {
  const { account, words } = page;
  return section("campaigns", words.campaigns, async (redraw) => {
    const [found, { campaigns: funds }] = await Promise.all([
      account.api<{ version: number; rules: Rules }>("GET", path("staff", "rules")),
      account.api<{ campaigns: readonly Fund[] }>("GET", path("staff", "campaigns")),
    ]);
    const rules = found.rules.campaigns;
    const place = h("div", { class: "stack" });
    const moved = h("div", {});
    const edit = (campaign: Campaign | null) =>
      place.replaceChildren(...editor(page, rules, campaign, redraw));
    edit(null);
    const rows = rules.map((one) => {
      const fund = funds.find((each) => each.id === one.id);
      const change = renderButton(words.edit, async () => {
        edit(one);
        place.querySelector("input")?.focus();
      });
      const look = renderButton(words.effect, async () => {
        moved.replaceChildren(await effect(page, one.id, one.title));
        moved.scrollIntoView({ block: "nearest" });
      });
      return [
        one.title,
        ruleText(one, words),
        `${one.start}〜${one.end}`,
        words.points(fund?.given ?? 0),
        words.points(fund?.left ?? 0),
        h("div", { class: "row" }, change, look),
      ];
    });
    const heads = [words.campaign, words.rule, words.period, words.fundGiven, words.fundLeft, words.edit];
    return [
      h("p", {}, found.version > 0 ? words.version(found.version) : words.noRules),
      table(words.campaigns, heads, rows, words.none),
      moved,
      h("h3", {}, words.editHeading),
      place,
    ];
  });
}

function fields({ words }: PointsPage, values: Readonly<Record<string, string>>): Field[] {
  const number = (name: string, label: string): Field => ({
    name,
    label,
    type: "number",
    value: values[name] ?? "",
  });
  const text = (name: string, label: string, required = false): Field => ({
    name,
    label,
    required,
    value: values[name] ?? "",
  });
  const kinds = Object.entries(words.types);
  const first = kinds.filter(([kind]) => kind === values.type);
  const rest = kinds.filter(([kind]) => kind !== values.type);
  return [
    text("id", words.id, true),
    text("title", words.title, true),
    { name: "type", label: words.type, options: [...first, ...rest] },
    number("yen", words.rulePer),
    number("points", words.rulePoints),
    number("percent", words.rulePercent),
    text("event", words.ruleEvent),
    text("proof", words.proof),
    { name: "start", label: words.start, type: "date", value: values.start ?? "", required: true },
    { name: "end", label: words.end, type: "date", value: values.end ?? "", required: true },
    text("categories", words.categories),
    text("areas", words.areas),
    number("per_day", words.perDay),
    number("per_person", words.perPerson),
    number("min_age", words.minAge),
    number("max_age", words.maxAge),
    { ...number("valid_months", words.validMonths), value: values.valid_months ?? "6" },
    text("spend_on", words.limitedTo),
    { ...number("budget", words.budgetTry), value: "1000000" },
  ];
}

function editor(
  page: PointsPage,
  rules: readonly Campaign[],
  before: Campaign | null,
  redraw: () => Promise<void>,
): HTMLElement[] {
  const { account, words } = page;
  const result = h("div", { class: "stack", id: "tried" });
  const form = renderForm(
    fields(page, before === null ? {} : valuesOf(before)),
    words.tryIt,
    async (values) => {
      const made = campaignOf(values, before);
      const changed: Rules = { campaigns: [...rules.filter((one) => one.id !== made.id), made] };
      const now = Date.now();
      const tried = await account.api<{ occasions: number; campaigns: Record<string, Outcome> }>(
        "POST",
        path("staff", "rules", "dry-run"),
        {
          rules: changed,
          start: new Date(now - WEEKS_MS).toISOString(),
          end: new Date(now).toISOString(),
          budgets: Object.fromEntries(changed.campaigns.map((one) => [one.id, Number(values.budget)])),
        },
      );
      const activate = renderButton(words.activate, async () => {
        const done = await account.api<{ version: number }>("PUT", path("staff", "rules"), changed);
        await redraw();
        say(words.activated(done.version));
      });
      activate.classList.add("button--main");
      result.replaceChildren(
        h("p", {}, words.tried(tried.occasions)),
        outcomes(page, changed.campaigns, tried.campaigns),
        activate,
      );
      result.scrollIntoView({ block: "nearest" });
    },
  );
  form.classList.add("form--wide");
  form.id = "campaign";
  return [form, result];
}

function outcomes(
  { words }: PointsPage,
  campaigns: readonly Campaign[],
  found: Readonly<Record<string, Outcome>>,
): HTMLElement {
  const rows = campaigns.map((one) => {
    const got = found[one.id];
    return [
      one.title,
      String(got?.awards ?? 0),
      String(got?.people ?? 0),
      words.points(got?.points ?? 0),
      words.points(got?.cut ?? 0),
      String(got?.refused ?? 0),
    ];
  });
  const heads = [words.campaign, words.awards, words.people, words.amount, words.cut, words.refused];
  return table(words.tryIt, heads, rows, words.none);
}
