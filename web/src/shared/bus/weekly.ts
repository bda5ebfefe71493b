/** What a booking may say beside the ride: every week, on which weekdays until when, and how it is paid. */
import { h } from "../dom/h";
import type { LanguageCode } from "../language/language";
import { dayOf, daysAfter, dayText, SEASON } from "./time";
import type { Booking, Payment } from "./types";
import type { BusWords } from "./words";

/** What the gateway takes for it: 1 is Monday. */
export interface Weekly {
  readonly weekdays: readonly number[];
  readonly until: string;
}

export interface WeeklyField {
  readonly node: HTMLElement;
  /** Null for a ride that is made once. Throws what to say when only one of the two was chosen. */
  readonly value: () => Weekly | null;
}

/** A day with its bookings, or with why there are none. */
export type Days = Readonly<
  Record<string, { bookings?: readonly Booking[]; because?: string; existing?: string }>
>;

export function weeklyField(words: BusWords): WeeklyField {
  const boxes = words.weekdays.map((name, index) => {
    const box = h("input", { type: "checkbox", name: "weekday", value: index + 1 });
    return { box, label: h("label", { class: "check" }, box, h("span", {}, name)) };
  });
  const until = h("input", { type: "date", name: "until", max: daysAfter(dayOf(new Date()), SEASON) });
  const days = h(
    "fieldset",
    { class: "weekdays" },
    h("legend", {}, words.weeklyHint),
    ...boxes.map(({ label }) => label),
  );
  const node = h(
    "details",
    { class: "weekly" },
    h("summary", {}, words.weekly),
    days,
    h("label", {}, h("span", {}, words.weeklyUntil), until),
  );
  const value = () => {
    const weekdays = boxes.filter(({ box }) => box.checked).map(({ box }) => Number(box.value));
    if (weekdays.length === 0 && until.value === "") return null;
    if (weekdays.length === 0 || until.value === "") throw new Error(words.weeklyMissing);
    return { weekdays, until: until.value };
  };
  return { node, value };
}

/** How a ride is paid, where that may be chosen: null where only cash is taken. */
export function paymentField(
  words: BusWords,
  points: boolean,
): { node: HTMLElement | null; value: () => Payment } {
  const select = h(
    "select",
    { name: "payment" },
    h("option", { value: "cash" }, words.payments.cash),
    h("option", { value: "points" }, words.payments.points),
  );
  const node = points ? h("label", {}, h("span", {}, words.payment), select) : null;
  return { node, value: () => (select.value === "points" ? "points" : "cash") };
}

export function bookingsOf(days: Days): Booking[] {
  return Object.values(days).flatMap((day) => day.bookings ?? []);
}

/** A line for each day that could not be booked; `closed` are the days without service, and why. */
export function failedDays(
  days: Days,
  closed: Readonly<Record<string, string>>,
  words: BusWords,
  code: LanguageCode,
): HTMLElement[] {
  const why = (day: string, existing: string | undefined) => {
    const shut = closed[day];
    const named = dayText(day, code);
    if (existing !== undefined) return words.daySame(named);
    return shut === undefined ? words.dayFailed(named) : `${named} ${words.noService(shut)}`;
  };
  return Object.entries(days)
    .filter(([, day]) => day.bookings === undefined)
    .map(([day, { existing }]) => h("p", { class: "late" }, why(day, existing)));
}
