/** One day: what happened, and the path, as a list that the map shows too. */
import { request } from "../shared/account/session";
import { clock, dayOf } from "../shared/bus/time";
import { h } from "../shared/dom/h";
import { attempt } from "../shared/form/form";
import { table } from "../shared/form/section";
import type { Day, Fix, TagEvent } from "./types";
import { type Look, pathOf } from "./view";
import type { FamilyWords } from "./words";

/** What happened on the day. */
export function eventsTable(found: Day, words: FamilyWords): HTMLElement {
  const line = ({ at, kind, place, withdrawn }: TagEvent) => [
    clock(at),
    (words.events[kind] ?? kind) + (withdrawn ? words.withdrawn : ""),
    place,
  ];
  return table(
    words.day,
    [words.time, words.what, words.where],
    found.events.map((one) => line(one)),
    words.noEvents,
  );
}

/** Where the wearer was on the day, in words. */
export function pathTable(found: Day, words: FamilyWords): HTMLElement {
  if (found.path.length === 0) return h("p", {}, words.noPath);
  const rows = found.path.map(({ at, location: [lon, lat], accuracy }) => [
    clock(at),
    `${lat.toFixed(4)}, ${lon.toFixed(4)}`,
    words.metres(Math.round(accuracy)),
  ]);
  const heads = [words.time, words.place, words.accuracy];
  return h(
    "details",
    {},
    h("summary", {}, words.passed(rows.length)),
    table(words.passed(rows.length), heads, rows, ""),
  );
}

/** The card; `show` gets the path for the map. */
export function dayCard(view: Look, show: (path: readonly Fix[]) => Promise<void>): HTMLElement {
  const { words, tag } = view;
  const input = h("input", {
    type: "date",
    value: dayOf(new Date()),
    max: dayOf(new Date()),
    required: true,
  });
  const body = h("div", { class: "stack" });
  const read = () =>
    attempt(async () => {
      const query = new URLSearchParams({ day: input.value });
      const found = await request<Day>("GET", `${pathOf(tag.id, "history")}?${query}`);
      body.replaceChildren(eventsTable(found, words), pathTable(found, words));
      await show(found.path);
    });
  input.addEventListener("change", () => {
    if (input.value !== "") void read();
  });
  void read();
  return h(
    "section",
    { class: "card", id: "day", "aria-labelledby": "day-title" },
    h("h2", { id: "day-title" }, words.day),
    h("div", { class: "form" }, h("label", {}, h("span", {}, words.which), input)),
    body,
  );
}
