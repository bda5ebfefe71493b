/** Evacuation notices in force, above everything else: what to do, where, in the reader's language. */
import { byId, h, setText } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import type { State } from "./state";

/** The notices in force; and the kept picture, which has them too while the city's database is away. */
const PUBLIC = ["/api/v1/evacuation/public", "/api/v1/public/snapshot"];
const TIMEOUT_MS = 15_000;

export interface Notice {
  readonly id: string;
  readonly level: number;
  readonly headline: string;
  readonly headlineEn: string;
  readonly text: string;
  readonly textEn: string;
  readonly easy: string;
}

/** The notices of an answer; what is not one is passed over. Gravest first. */
export function noticesOf(answer: unknown): Notice[] {
  const found = typeof answer === "object" && answer !== null && "orders" in answer ? answer.orders : null;
  if (!Array.isArray(found)) return [];
  return found.filter(isNotice).sort((a, b) => b.level - a.level);
}

function isNotice(one: unknown): one is Notice {
  if (typeof one !== "object" || one === null) return false;
  const fields = one as Record<string, unknown>;
  const texts = ["id", "headline", "headlineEn", "text", "textEn", "easy"];
  return typeof fields.level === "number" && texts.every((name) => typeof fields[name] === "string");
}

function render(notice: Notice, words: Dictionary): HTMLElement {
  const english = words.code === "en";
  const [title, text] = english ? [notice.headlineEn, notice.textEn] : [notice.headline, notice.text];
  // The text begins with its headline, which stands above it here.
  const rest = text.startsWith(title) ? text.slice(title.length).trim() : text;
  return h(
    "li",
    { class: `order order--${notice.level}`, "data-order": notice.id },
    h("p", { class: "order__head" }, title),
    h("p", { class: "order__text" }, rest),
    english ? null : h("p", { class: "order__text" }, notice.easy),
  );
}

/** Asks whenever the page has asked for its alerts; what cannot be fetched leaves what is shown as it is. */
export function createOrders(): (state: State, before: State) => void {
  const section = byId("orders", HTMLElement);
  const announcer = byId("announcer", HTMLElement);
  let notices: Notice[] = [];
  let drawn = "";

  const draw = (words: Dictionary) => {
    const key = JSON.stringify([words.code, notices]);
    if (key === drawn) return;
    const first = notices[0];
    if (first !== undefined) announcer.textContent = words.code === "en" ? first.headlineEn : first.headline;
    drawn = key;
    section.hidden = notices.length === 0;
    setText(byId("orders-heading", HTMLElement), words.code === "en" ? "Evacuation" : "避難の情報");
    byId("orders-list", HTMLElement).replaceChildren(...notices.map((notice) => render(notice, words)));
  };

  const ask = async (words: Dictionary) => {
    for (const path of PUBLIC) {
      try {
        const answer = await fetch(path, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS) });
        if (!answer.ok) continue;
        notices = noticesOf(await answer.json());
        break;
      } catch (error) {
        console.warn(`evacuation notices: ${String(error)}`);
      }
    }
    draw(words);
  };

  return (state, before) => {
    if (state.alerts !== before.alerts) void ask(state.words);
    else draw(state.words);
  };
}
