/** Booking the same ride every week: which weekdays, until when; and what became of each day. */
import { h } from "../dom/h";
import type { LanguageCode } from "../language/language";
import { dayText } from "./time";
import type { Booking } from "./types";
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
export type Days = Readonly<Record<string, { bookings?: readonly Booking[]; because?: string }>>;

export function weeklyField(words: BusWords): WeeklyField {
  const boxes = words.weekdays.map((name, index) => {
    const box = h("input", { type: "checkbox", name: "weekday", value: index + 1 });
    return { box, label: h("label", { class: "check" }, box, h("span", {}, name)) };
  });
  const until = h("input", { type: "date", name: "until" });
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

export function bookingsOf(days: Days): Booking[] {
  return Object.values(days).flatMap((day) => day.bookings ?? []);
}

/** A line for each day that could not be booked. */
export function failedDays(days: Days, words: BusWords, code: LanguageCode): HTMLElement[] {
  return Object.entries(days)
    .filter(([, day]) => day.bookings === undefined)
    .map(([day]) => h("p", { class: "late" }, words.dayFailed(dayText(day, code))));
}
