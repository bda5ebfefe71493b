/** The days of service: weekdays, public holidays, single days; and what follows of them for the next weeks. */
import { Refused } from "../shared/account/session";
import type { AreaWords } from "../shared/bus/areawords";
import { type BusPage, path } from "../shared/bus/page";
import { dayOf, daysAfter, dayText } from "../shared/bus/time";
import type { Calendar } from "../shared/bus/types";
import { h } from "../shared/dom/h";
import { attempt, renderButton, renderForm, say } from "../shared/form/form";

const MOST_AT_ONCE = 60;

type Rules = Pick<Calendar, "weekdays" | "onHolidays" | "without" | "extra">;

export interface ServiceDesk {
  readonly page: BusPage;
  readonly words: AreaWords;
  readonly redraw: () => Promise<void>;
}

/** The days from the first to the last (or the first alone). Throws what to say. Pure. */
export function daysBetween(first: string, last: string, words: AreaWords): string[] {
  if (last === "") return [first];
  if (last < first) throw new Error(words.backwards);
  const days = [first];
  for (let day = first; day < last && days.length <= MOST_AT_ONCE; days.push(day)) day = daysAfter(day, 1);
  if (days.length > MOST_AT_ONCE) throw new Error(words.tooLong(MOST_AT_ONCE));
  return days;
}

/** The gateway's text file of holidays, published in Shift_JIS, often saved again in UTF-8. */
export function textOf(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("shift_jis").decode(bytes);
  }
}

/** Changes the rules as they stand at the gateway now; a day with promised rides is named. */
async function change(desk: ServiceDesk, act: (rules: Rules) => Partial<Rules>): Promise<void> {
  const { page, words, redraw } = desk;
  const { weekdays, onHolidays, without, extra } = await page.account.api<Calendar>("GET", path("calendar"));
  const rules: Rules = { weekdays, onHolidays, without, extra };
  await keepPromises(desk, () => page.account.api("PUT", path("calendar"), { ...rules, ...act(rules) }));
  await redraw();
  say(words.saved);
}

async function keepPromises({ page, words }: ServiceDesk, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Refused && error.status === 409)) throw error;
    const days = [...error.reason.matchAll(/(\d{4}-\d{2}-\d{2}) \((\d+)\)/g)].map(
      ([, day = "", rides = ""]) => words.rides(dayText(day, page.code), rides),
    );
    throw new Error(words.promised(days.join("、")));
  }
}

/** What is the rule now, and for who may change it the forms. */
export function serviceParts(desk: ServiceDesk, calendar: Calendar): HTMLElement[] {
  const { page, words } = desk;
  const writes = page.account.may("buses:write");
  return [
    writes ? ruleForm(desk, calendar) : ruleText(desk, calendar),
    h("h3", {}, words.special),
    specialDays(desk, calendar, writes),
    ...(writes ? [dayForm(desk), holidaysForm(desk, calendar)] : []),
    h("h3", {}, words.next),
    closedDays(desk, calendar),
  ];
}

function ruleText({ words }: ServiceDesk, { weekdays, onHolidays }: Calendar): HTMLElement {
  const days = weekdays.map((day) => words.names[day - 1] ?? "").join("・");
  return h("p", {}, `${words.weekdays}: ${days}${onHolidays ? `（${words.onHolidays}）` : ""}`);
}

function ruleForm(desk: ServiceDesk, calendar: Calendar): HTMLFormElement {
  const { words } = desk;
  const box = (name: string, value: number, checked: boolean, disabled: boolean, label: string) => {
    const input = h("input", { type: "checkbox", name, value, checked, disabled });
    return { input, node: h("label", { class: "check" }, input, h("span", {}, label)) };
  };
  const days = words.names.map((name, index) =>
    box("weekday", index + 1, calendar.weekdays.includes(index + 1), false, name),
  );
  // Without a list of holidays nobody knows on which days not to run.
  const unknown = calendar.holidaysUntil === null;
  const holidays = box("onHolidays", 1, calendar.onHolidays, unknown, words.onHolidays);
  const known = unknown ? words.holidaysUnknown : words.holidaysKnown(calendar.holidaysUntil ?? "");
  const fields = h(
    "fieldset",
    { class: "weekdays" },
    h("legend", {}, words.weekdays),
    ...days.map(({ node }) => node),
    holidays.node,
    h("p", { class: "quiet" }, known),
  );
  const send = async () => {
    const weekdays = days.filter(({ input }) => input.checked).map(({ input }) => Number(input.value));
    await change(desk, () => ({ weekdays, onHolidays: holidays.input.checked }));
  };
  const form = renderForm([], words.save, send, fields);
  form.id = "weekdays";
  return form;
}

function specialDays(desk: ServiceDesk, { without, extra }: Calendar, writes: boolean): HTMLElement {
  const { page, words } = desk;
  const today = dayOf(new Date());
  const days = [
    ...Object.entries(without).map(([day, why]) => ({ day, text: `${words.without}: ${why}` })),
    ...extra.map((day) => ({ day, text: words.extra })),
  ].filter(({ day }) => day >= today);
  if (days.length === 0) return h("p", { id: "special" }, words.noSpecial);
  const line = ({ day, text }: (typeof days)[number]) => {
    const remove = renderButton(words.remove, () =>
      change(desk, (rules) => ({
        without: Object.fromEntries(Object.entries(rules.without).filter(([one]) => one !== day)),
        extra: rules.extra.filter((one) => one !== day),
      })),
    );
    const named = `${day.slice(0, 4)} ${dayText(day, page.code)}`;
    remove.setAttribute("aria-label", `${named} ${words.remove}`);
    return h("li", { class: "line" }, h("strong", {}, named), h("span", {}, text), writes ? remove : null);
  };
  const sorted = days.sort((one, other) => one.day.localeCompare(other.day));
  return h("ul", { class: "lines", id: "special" }, ...sorted.map(line));
}

function dayForm(desk: ServiceDesk): HTMLElement {
  const { words } = desk;
  const kinds = [
    ["without", words.without],
    ["extra", words.extra],
  ] as const;
  const form = renderForm(
    [
      { name: "kind", label: words.kind, options: kinds },
      { name: "first", label: words.first, type: "date", required: true },
      { name: "last", label: words.last, type: "date" },
      { name: "why", label: words.why },
    ],
    words.add,
    async ({ kind, first = "", last = "", why = "" }) => {
      const days = daysBetween(first, last, words);
      const reason = why.trim();
      if (kind === "without" && reason === "") throw new Error(words.whyMissing);
      const others = (rules: Rules) => Object.entries(rules.without).filter(([day]) => !days.includes(day));
      await change(desk, (rules) => {
        const extra = rules.extra.filter((day) => !days.includes(day));
        const closed = kind === "without" ? days.map((day) => [day, reason] as const) : [];
        const opened = kind === "extra" ? days : [];
        return { without: Object.fromEntries([...others(rules), ...closed]), extra: [...extra, ...opened] };
      });
    },
  );
  form.id = "day";
  return form;
}

function holidaysForm(desk: ServiceDesk, { holidaysUntil }: Calendar): HTMLElement {
  const { page, words } = desk;
  const input = h("input", { type: "file", name: "holidays", accept: ".csv,text/csv" });
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    // The same file, mended, can be chosen again.
    input.value = "";
    void attempt(async () => {
      const text = textOf(await file.arrayBuffer());
      await keepPromises(desk, () => page.account.api("PUT", path("calendar", "holidays"), text));
      await desk.redraw();
      say(words.saved);
    });
  });
  const label = h("label", {}, h("span", {}, words.holidaysFile), input);
  return h(
    "details",
    { id: "holidays", open: holidaysUntil === null },
    h("summary", {}, words.takeHolidays),
    h("div", { class: "form" }, label),
  );
}

function closedDays({ page, words }: ServiceDesk, { closed }: Calendar): HTMLElement {
  const lines = Object.entries(closed).map(([day, why]) =>
    h("li", { class: "line" }, h("strong", {}, dayText(day, page.code)), h("span", {}, why)),
  );
  return lines.length === 0
    ? h("p", { id: "closed-days" }, words.noneClosed)
    : h("ul", { class: "lines closed-days", id: "closed-days" }, ...lines);
}
