/** One campaign between the rules' document and the form that a person fills. Pure. */
import type { PointsWords } from "../shared/points/words";

export interface Rule {
  readonly type: string;
  readonly yen?: number;
  readonly points?: number;
  readonly percent?: number;
  readonly event?: string;
  readonly proof?: string | null;
}

export interface Campaign {
  readonly id: string;
  readonly title: string;
  readonly rule: Rule;
  readonly start: string;
  readonly end: string;
  readonly where?: { readonly areas?: readonly string[]; readonly categories?: readonly string[] };
  readonly who?: { readonly min_age?: number; readonly max_age?: number };
  readonly caps?: { readonly per_day?: number | null; readonly per_person?: number | null };
  readonly grant?: { readonly valid_months?: number | null; readonly spend_on?: readonly string[] };
}

export type Values = Readonly<Record<string, string>>;

const list = (text: string | undefined) =>
  (text ?? "")
    .split(/[、,，\s]+/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
const count = (text: string | undefined) => (text ? Number(text) : null);

function ruleOf(values: Values): Rule {
  const points = Number(values.points);
  switch (values.type) {
    case "per_yen":
      return { type: "per_yen", yen: Number(values.yen), points };
    case "percent":
      return { type: "percent", percent: Number(values.percent) };
    case "participation":
      return { type: "participation", event: values.event ?? "", points };
    default:
      return { type: "fixed", points, proof: values.proof || null };
  }
}

/** What the form says, laid over what the campaign had: what the form does not show stays as it was. */
export function campaignOf(values: Values, before: Campaign | null): Campaign {
  const sameRule = before !== null && before.rule.type === values.type ? before.rule : {};
  return {
    ...before,
    id: values.id ?? "",
    title: values.title ?? "",
    rule: { ...sameRule, ...ruleOf(values) },
    start: values.start ?? "",
    end: values.end ?? "",
    where: { ...before?.where, areas: list(values.areas), categories: list(values.categories) },
    who: { ...before?.who, min_age: Number(values.min_age || 0), max_age: Number(values.max_age || 200) },
    caps: { per_day: count(values.per_day), per_person: count(values.per_person) },
    grant: { ...before?.grant, valid_months: count(values.valid_months), spend_on: list(values.spend_on) },
  };
}

/** The form's values for a campaign. */
export function valuesOf(campaign: Campaign): Values {
  const { rule, where, who, caps, grant } = campaign;
  const text = (value: number | null | undefined) =>
    value === null || value === undefined ? "" : String(value);
  return {
    id: campaign.id,
    title: campaign.title,
    type: rule.type,
    yen: text(rule.yen),
    points: text(rule.points),
    percent: text(rule.percent),
    event: rule.event ?? "",
    proof: rule.proof ?? "",
    start: campaign.start,
    end: campaign.end,
    areas: (where?.areas ?? []).join("、"),
    categories: (where?.categories ?? []).join("、"),
    per_day: text(caps?.per_day),
    per_person: text(caps?.per_person),
    min_age: who?.min_age ? String(who.min_age) : "",
    max_age: who?.max_age && who.max_age < 200 ? String(who.max_age) : "",
    valid_months: text(grant?.valid_months),
    spend_on: (grant?.spend_on ?? []).join("、"),
  };
}

/** The rule in a few words. */
export function ruleText({ rule }: Campaign, words: PointsWords): string {
  if (rule.type === "per_yen") return `${words.yen(rule.yen ?? 0)} → ${words.points(rule.points ?? 0)}`;
  if (rule.type === "percent") return `${rule.percent}%`;
  const points = words.points(rule.points ?? 0);
  return rule.type === "participation" ? `${rule.event} ${points}` : points;
}
