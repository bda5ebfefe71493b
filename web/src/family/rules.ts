/** Of what the family wants to be told. */
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { KINDS, type Kind, type Rule } from "./types";
import { pathOf, type View } from "./view";
import type { FamilyWords } from "./words";

const WEEKDAYS: readonly number[] = [0, 1, 2, 3, 4];
const BY = "08:30";
const MINUTES = 60;
const PLACED: readonly Kind[] = ["enter", "leave", "not-arrived", "outside"];

function daysText(days: readonly number[], words: FamilyWords): string {
  if (days.length === 7) return words.everyDay;
  if (days.join() === WEEKDAYS.join()) return words.weekdays;
  return days.map((day) => words.dayNames[day] ?? "").join("・");
}

/** A rule in words. Pure. */
export function ruleText(rule: Rule, placeOf: (id: string) => string, words: FamilyWords): string {
  const place = placeOf(rule.place ?? "");
  switch (rule.kind) {
    case "enter":
    case "leave":
    case "outside":
      return words.ruleText[rule.kind](place);
    case "not-arrived":
      return words.notArrived(place, rule.by ?? BY, daysText(rule.days ?? WEEKDAYS, words));
    case "unseen":
      return words.unseenFor(rule.minutes ?? MINUTES);
    default:
      return words.kinds["battery-low"];
  }
}

/** A new rule from the form's values. Pure. */
export function ruleFrom(
  values: Readonly<Record<string, string>>,
  days: readonly number[],
  id: string,
): Rule {
  const kind = KINDS.find((one) => one === values.kind) ?? "enter";
  return {
    id,
    kind,
    ...(PLACED.includes(kind) ? { place: values.place ?? "" } : {}),
    ...(kind === "not-arrived" ? { by: values.by ?? BY, days } : {}),
    ...(kind === "unseen" ? { minutes: Number(values.minutes) } : {}),
  };
}

async function save(view: View, rules: readonly Rule[], said: string): Promise<void> {
  await view.account.change("PUT", pathOf(view.tag.id, "rules"), { rules });
  await view.changed();
  say(said);
}

function line(view: View, rule: Rule): HTMLElement {
  const { words } = view;
  const { places, rules } = view.settings();
  const text = ruleText(rule, (id) => places.find((place) => place.id === id)?.name ?? "", words);
  const remove = renderButton(words.remove, () =>
    save(
      view,
      rules.filter((one) => one !== rule),
      words.removed,
    ),
  );
  remove.setAttribute("aria-label", `${text} ${words.remove}`);
  return h("li", { class: "entry entry--row" }, h("p", {}, text), h("div", { class: "row" }, remove));
}

function dayBoxes(words: FamilyWords): { readonly node: HTMLElement; readonly chosen: () => number[] } {
  const inputs = words.dayNames.map((_, day) =>
    h("input", { type: "checkbox", checked: WEEKDAYS.includes(day) }),
  );
  const labels = words.dayNames.map((name, day) =>
    h("label", { class: "check" }, inputs[day] ?? null, h("span", {}, name)),
  );
  const node = h("fieldset", { class: "days" }, h("legend", {}, words.days), ...labels);
  return { node, chosen: () => inputs.flatMap((input, day) => (input.checked ? [day] : [])) };
}

function newRule(view: View): HTMLElement {
  const { words } = view;
  const { places, rules } = view.settings();
  const days = dayBoxes(words);
  const form = renderForm(
    [
      { name: "kind", label: words.kind, options: KINDS.map((kind) => [kind, words.kinds[kind]] as const) },
      { name: "place", label: words.atWhich, options: places.map((one) => [one.id, one.name] as const) },
      { name: "by", label: words.by, type: "time", value: BY },
      { name: "minutes", label: words.minutesLabel, type: "number", value: String(MINUTES) },
    ],
    words.addRule,
    async (values) => {
      if (PLACED.some((kind) => kind === values.kind) && places.length === 0)
        throw new Error(words.needsPlace);
      const id = crypto.getRandomValues(new Uint32Array(1))[0]?.toString(16) ?? "";
      await save(view, [...rules, ruleFrom(values, days.chosen(), id)], words.saved);
    },
    days.node,
  );
  const labelOf = (name: string) => form.querySelector(`[name=${name}]`)?.closest("label") ?? null;
  const kind = form.querySelector<HTMLSelectElement>("[name=kind]");
  const choose = () => {
    const chosen = kind?.value as Kind;
    labelOf("place")?.toggleAttribute("hidden", !PLACED.includes(chosen));
    labelOf("by")?.toggleAttribute("hidden", chosen !== "not-arrived");
    labelOf("minutes")?.toggleAttribute("hidden", chosen !== "unseen");
    days.node.hidden = chosen !== "not-arrived";
  };
  kind?.addEventListener("change", choose);
  choose();
  return form;
}

export function rulesCard(view: View): HTMLElement {
  const { words } = view;
  const { rules } = view.settings();
  const list =
    rules.length === 0
      ? h("p", {}, words.noRules)
      : h("ul", { class: "entries" }, ...rules.map((rule) => line(view, rule)));
  return h(
    "section",
    { class: "card", id: "rules", "aria-labelledby": "rules-title" },
    h("h2", { id: "rules-title" }, words.rules),
    list,
    newRule(view),
  );
}
