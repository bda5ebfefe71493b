/** Where the wearer is: one sentence first, then the map, then how sure it is. */
import { request } from "../shared/account/session";
import { clock, dayOf, dayText } from "../shared/bus/time";
import { h } from "../shared/dom/h";
import { attempt, renderButton } from "../shared/form/form";
import { openMap, type WearerMap } from "./map";
import type { Fix, Presence } from "./types";
import { type Look, pathOf } from "./view";
import type { FamilyWords } from "./words";

const EVERY_MS = 60_000;

/** 8:02 today, with the day otherwise. */
export function when(at: string, now: Date, code: "ja" | "en"): string {
  const day = dayOf(new Date(at));
  return day === dayOf(now) ? clock(at) : `${dayText(day, code)} ${clock(at)}`;
}

export function ageOf(at: string, now: Date, words: FamilyWords): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - new Date(at).getTime()) / 60_000));
  if (minutes < 1) return words.justNow;
  return minutes < 120 ? words.minutes(minutes) : words.hours(Math.floor(minutes / 60));
}

/** The one sentence that a family looks for. */
export function sentence(found: Presence, now: Date, words: FamilyWords, code: "ja" | "en"): string {
  const place = found.places.map((one) => one.name).join("・");
  const since = found.since === null ? "" : when(found.since, now, code);
  switch (found.status) {
    case "at-place":
      return words.atPlace(place, since);
    case "staying":
      return words.staying(since);
    case "moving":
      return words.moving;
    case "unseen":
      return words.unseen(since, ageOf(found.since ?? now.toISOString(), now, words));
    default:
      return words.unknown;
  }
}

/** How sure it is: when last seen, how near, how much battery. */
export function presenceFacts(
  found: Presence,
  now: Date,
  words: FamilyWords,
  code: "ja" | "en",
): HTMLElement {
  const seen =
    found.seenAt === null
      ? words.notKnown
      : `${when(found.seenAt, now, code)}（${ageOf(found.seenAt, now, words)}）`;
  const rows: readonly (readonly [string, string])[] = [
    [words.seen, seen],
    [words.accuracy, found.accuracy === null ? words.notKnown : words.metres(Math.round(found.accuracy))],
    [words.battery, found.battery === null ? words.notKnown : words.percent(Math.round(found.battery))],
  ];
  return h(
    "dl",
    { class: "facts" },
    ...rows.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]),
  );
}

export interface Now {
  readonly node: HTMLElement;
  readonly refresh: () => Promise<void>;
  readonly showPath: (path: readonly Fix[]) => Promise<void>;
  readonly close: () => void;
}

/** The card; it reads again every minute while the page is looked at. `heard` is told of each answer. */
export function nowCard(view: Look, heard: (found: Presence) => void): Now {
  const { words, code, tag } = view;
  const status = h("p", { class: "standing", role: "status", id: "standing" });
  const below = h("div", { class: "stack" });
  const box = h("div", { class: "map" });
  const head = h("div", { class: "row row--spread" });
  const node = h(
    "section",
    { class: "card", id: "now", "aria-labelledby": "now-title" },
    h("h2", { id: "now-title" }, `${tag.name} ${words.now}`),
    status,
    box,
    below,
    head,
  );
  let map: WearerMap | null = null;
  let path: readonly Fix[] = [];
  let last: Presence | null = null;
  const draw = async (): Promise<void> => {
    map ??= openMap(box, view.config, words);
    const at = last?.location?.coordinates;
    await map?.show({
      places: view.settings().places,
      path: path.map((fix) => fix.location),
      wearer:
        last === null || at === undefined ? null : { at, accuracy: last.accuracy ?? 0, name: last.name },
    });
  };
  const refresh = async (): Promise<void> => {
    const found = await request<Presence>("GET", pathOf(tag.id));
    const now = new Date();
    last = found;
    heard(found);
    node.dataset.status = found.status;
    status.textContent = sentence(found, now, words, code);
    const place = found.places.map((one) => one.name).join("・");
    below.replaceChildren(
      ...(found.status === "unseen" && place !== "" ? [h("p", {}, words.lastAt(place))] : []),
      ...(found.doubtAt === null
        ? []
        : [h("p", { class: "warning" }, words.doubt(when(found.doubtAt, now, code)))]),
      presenceFacts(found, now, words, code),
    );
    head.replaceChildren(
      h("p", { class: "quiet" }, words.asOf(clock(now.toISOString()))),
      renderButton(words.refresh, refresh),
    );
    void draw();
  };
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") void attempt(refresh);
  }, EVERY_MS);
  const close = (): void => {
    clearInterval(timer);
    map?.remove();
  };
  const showPath = async (fixes: readonly Fix[]): Promise<void> => {
    path = fixes;
    await draw();
    const at = last?.location?.coordinates;
    if (fixes.length > 0) map?.fit([...fixes.map((fix) => fix.location), ...(at === undefined ? [] : [at])]);
  };
  return { node, refresh, showPath, close };
}
