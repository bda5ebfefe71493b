/** Evacuation notices in force, above everything else: what to do, where, in the reader's language. */
import { byId, h, setText } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import { type Area, type Geometry, geometryOf } from "../shared/map/areas";
import { askPublic } from "./public";
import type { State, Store } from "./state";

/** The notices in force; and the kept picture, which has them too while the city's database is away. */
const PUBLIC = ["/api/v1/evacuation/public", "/api/v1/public/snapshot"];

export interface Notice {
  readonly id: string;
  readonly level: number;
  readonly headline: string;
  readonly headlineEn: string;
  readonly text: string;
  readonly textEn: string;
  readonly easy: string;
  readonly districts: readonly NoticeDistrict[];
}

export interface NoticeDistrict {
  readonly id: string;
  readonly name: string;
  readonly nameEn: string;
  readonly geometry: Geometry;
}

/** What a level is called and coloured this year. */
export interface LevelName {
  readonly ja: string;
  readonly en: string;
  readonly colour: string;
}

type Levels = Readonly<Record<string, LevelName>>;

/** The notices of an answer; what is not one is passed over. Gravest first. */
export function noticesOf(answer: unknown): Notice[] {
  const found = typeof answer === "object" && answer !== null && "orders" in answer ? answer.orders : null;
  if (!Array.isArray(found)) return [];
  return found
    .filter(isNotice)
    .map((one) => ({ ...one, districts: districtsOf(one) }))
    .sort((a, b) => b.level - a.level);
}

function districtsOf(notice: object): NoticeDistrict[] {
  const named = "districts" in notice && Array.isArray(notice.districts) ? notice.districts : [];
  return named.flatMap((one: unknown) => {
    if (typeof one !== "object" || one === null) return [];
    const { id, name, nameEn, geometry } = one as Record<string, unknown>;
    const shape = geometryOf(geometry);
    if (typeof id !== "string" || typeof name !== "string" || shape === null) return [];
    return [{ id, name, nameEn: typeof nameEn === "string" ? nameEn : "", geometry: shape }];
  });
}

/** The levels' names and colours in an answer. */
export function levelsOf(answer: unknown): Levels {
  const found = typeof answer === "object" && answer !== null && "levels" in answer ? answer.levels : null;
  if (typeof found !== "object" || found === null) return {};
  const whole = (one: unknown): one is LevelName =>
    typeof one === "object" && one !== null && ["ja", "en", "colour"].every((name) => name in one);
  return Object.fromEntries(Object.entries(found).filter(([, one]) => whole(one)));
}

/** The districts under a notice as the map shows them: colour, pattern, and the level in words. */
export function areasOf(notices: readonly Notice[], levels: Levels, english: boolean): Area[] {
  return notices.flatMap(({ level, districts }) => {
    const known = levels[String(level)];
    const called = (english ? known?.en : known?.ja) ?? "";
    return districts.map(({ id, name, nameEn, geometry }) => ({
      id,
      level,
      geometry,
      state: "force" as const,
      colour: known?.colour ?? "#ff2800",
      label: english ? `${nameEn || name}: Level ${level} ${called}` : `${name} 警戒レベル${level} ${called}`,
    }));
  });
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
export function createOrders(store: Store): (state: State, before: State) => void {
  const section = byId("orders", HTMLElement);
  const announcer = byId("announcer", HTMLElement);
  let notices: Notice[] = [];
  let levels: Levels = {};
  let drawn = "";

  const draw = (words: Dictionary) => {
    const key = JSON.stringify([words.code, notices]);
    if (key === drawn) return;
    const first = notices[0];
    if (first !== undefined) announcer.textContent = words.code === "en" ? first.headlineEn : first.headline;
    drawn = key;
    section.hidden = notices.length === 0;
    store.set({ areas: areasOf(notices, levels, words.code === "en") });
    setText(byId("orders-heading", HTMLElement), words.code === "en" ? "Evacuation" : "避難の情報");
    byId("orders-list", HTMLElement).replaceChildren(...notices.map((notice) => render(notice, words)));
  };

  const ask = async (words: Dictionary) => {
    const answer = await askPublic(PUBLIC);
    if (answer !== null) [notices, levels] = [noticesOf(answer), levelsOf(answer)];
    draw(words);
  };

  return (state, before) => {
    if (state.alerts !== before.alerts) void ask(state.words);
    else draw(state.words);
  };
}
