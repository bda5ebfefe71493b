/** Peak cuts of a site: times of every day at which its limit is lower. */
import type { Window } from "../shared/chargers/types";
import type { ChargerWords } from "../shared/chargers/words";
import { h } from "../shared/dom/h";

const DAY = 1440;

const two = (number: number) => String(number).padStart(2, "0");

/** 13:05 of minutes after midnight; the end of a day is 0:00, as clocks have it. Pure. */
export function clockOf(minutes: number): string {
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

/** The inverse; NaN for what is no time. Pure. */
export function minutesOf(clock: string): number {
  const match = /^(\d{1,2}):(\d{2})/.exec(clock);
  return match === null ? Number.NaN : Number(match[1]) * 60 + Number(match[2]);
}

/** The window that was typed; null where it has no length or a value is missing. An end at 0:00 is the day's. Pure. */
export function windowOf(from: string, until: string, kilowatts: string): Window | null {
  const [start, end] = [minutesOf(from), minutesOf(until) || (until === "" ? Number.NaN : DAY)];
  if (Number.isNaN(start) || Number.isNaN(end) || kilowatts === "" || start === end) return null;
  return { from: start, until: end, limitW: Number(kilowatts) * 1000 };
}

function line(window: Window | null, words: ChargerWords, gone: () => void): HTMLElement {
  const input = (label: string, type: string, name: string, value: string) => {
    const attributes = { type, name, value, required: true, autocomplete: "off" };
    return h("label", {}, h("span", {}, label), h("input", attributes));
  };
  const remove = h("button", { class: "button", type: "button" }, words.removeWindow);
  const limit = window === null ? "" : String(window.limitW / 1000);
  const node = h(
    "div",
    { class: "window" },
    input(words.windowFrom, "time", "from", window === null ? "" : clockOf(window.from)),
    input(words.windowUntil, "time", "until", window === null ? "" : clockOf(window.until)),
    input(words.windowLimit, "number", "cut", limit),
    remove,
  );
  remove.addEventListener("click", () => {
    node.remove();
    gone();
  });
  return node;
}

/** The windows as lines to be changed, added and removed; `read` throws with what is wrong in the reader's words. */
export function windows(
  shown: readonly Window[],
  words: ChargerWords,
): { readonly node: HTMLFieldSetElement; readonly read: () => Window[] } {
  const add = h("button", { class: "button", type: "button" }, words.addWindow);
  const lines = h("div", { class: "stack" });
  const append = (window: Window | null) => {
    const made = line(window, words, () => add.focus());
    lines.append(made);
    return made;
  };
  for (const window of shown) append(window);
  add.addEventListener("click", () => append(null).querySelector("input")?.focus());
  const node = h("fieldset", { class: "windows" }, h("legend", {}, words.windows), lines, add);
  const read = () =>
    [...lines.children].map((each) => {
      const typed = (name: string) => each.querySelector<HTMLInputElement>(`[name=${name}]`)?.value ?? "";
      const window = windowOf(typed("from"), typed("until"), typed("cut"));
      if (window === null) throw new Error(words.emptyWindow);
      return window;
    });
  return { node, read };
}
