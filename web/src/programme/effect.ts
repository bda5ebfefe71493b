/** What a campaign moved: spending while it ran beside as many days before, as a plot and tables. */
import { plot } from "../manager/plot";
import { h } from "../shared/dom/h";
import { table } from "../shared/form/section";
import { type PointsPage, path } from "../shared/points/page";

interface Group {
  readonly kind: string;
  readonly name: string;
  readonly people: number | null;
  readonly people_before: number | null;
  readonly yen: number | null;
  readonly yen_before: number | null;
}

interface Effect {
  readonly groups: readonly Group[];
  readonly days: readonly (readonly [day: string, yen: number | null])[];
}

export async function effect(page: PointsPage, campaign: string, title: string): Promise<HTMLElement> {
  const { account, words } = page;
  const found = await account.api<Effect>("GET", path("staff", "campaigns", campaign, "effect"));
  const { caption, node } = plot(
    words.spentByDay,
    found.days.map(([day, yen]) => [day, yen === null ? null : yen / 1000]),
  );
  const hidden = (value: number | null, text: (count: number) => string) =>
    value === null ? words.fewPeople : text(value);
  const rows = found.groups.map((group) => [
    `${words.groups[group.kind] ?? group.kind} ${group.name || (group.kind === "all" ? "" : words.otherGroup)}`,
    hidden(group.yen, words.yen),
    hidden(group.yen_before, words.yen),
    hidden(group.people, String),
    hidden(group.people_before, String),
  ]);
  const heads = [words.type, words.during, words.before, words.people, words.peopleBefore];
  return h(
    "div",
    { class: "stack", id: "effect" },
    h("h3", {}, `${title}: ${words.effect}`),
    h("p", { class: "quiet" }, words.effectHelp),
    h("figure", {}, h("figcaption", {}, caption), node),
    table(words.effect, heads, rows, words.none),
  );
}
